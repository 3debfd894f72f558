from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.domain import complexity, prompt_features
from routing.domain.canonical_json import TooDeeplyNested
from tests.routing.domain.specs import SYSTEM_DESIGN


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def extract(*messages: dict[str, Any], **fields: Any) -> Any:
    return prompt_features.extract({"model": "auto", "messages": list(messages), **fields}, task="support")


def test_simple_question_is_described() -> None:
    found = extract(user("What is the capital of France?"))
    assert (found.pattern, found.tier, found.task) == ("factual", "simple", "support")
    # 7 tokens of text, 4 around the message, 3 around the conversation.
    assert found.input_tokens == 14
    assert found.max_output_tokens is None
    assert (found.needs_tools, found.needs_images, found.needs_json) == (False, False, False)


def test_last_message_of_the_user_decides_the_pattern() -> None:
    found = extract(
        user("Write a Python function"), {"role": "assistant", "content": "def f(): ..."}, user("Write a haiku")
    )
    assert found.pattern == "creative"


def test_answer_after_the_last_question_does_not_decide_the_pattern() -> None:
    found = extract(user("Write a haiku"), {"role": "tool", "tool_call_id": "1", "content": "Explain why"})
    assert found.pattern == "creative"


def test_hard_conversation_raises_an_easy_follow_up_by_its_share() -> None:
    own = complexity.score("And in Rust?", turns=2)
    design = complexity.score(SYSTEM_DESIGN)
    found = extract(user(SYSTEM_DESIGN), user("And in Rust?"))
    assert found.complexity_score == pytest.approx(own + 0.3 * (design - own), abs=0.0001)


def test_easy_conversation_does_not_lower_a_hard_question() -> None:
    assert extract(user("Hi"), user(SYSTEM_DESIGN)).complexity_score == complexity.score(SYSTEM_DESIGN, turns=2)


def test_text_parts_are_read() -> None:
    assert extract(user([{"type": "text", "text": "Write a haiku"}])).pattern == "creative"


def test_needs_are_read_from_the_body() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}}
    assert extract(user("x"), tools=[{"type": "function"}]).needs_tools
    assert extract(user("x"), functions=[{"name": "f"}]).needs_tools
    assert extract(user([image]), user("and now?")).needs_images
    assert extract(user("x"), response_format={"type": "json_object"}).needs_json
    assert extract(user("x"), response_format={"type": "json_schema", "json_schema": {}}).needs_json


def test_empty_tools_and_plain_text_formats_need_nothing() -> None:
    found = extract(user("x"), tools=[], functions=None, response_format={"type": "text"})
    assert (found.needs_tools, found.needs_json) == (False, False)


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({"max_tokens": 100}, 100),
        ({"max_completion_tokens": 50, "max_tokens": 100}, 50),
        ({"max_completion_tokens": None, "max_tokens": 100}, 100),
        ({"max_tokens": 10**18}, 10_000_000),
        ({"max_tokens": 0}, None),
        ({"max_tokens": -1}, None),
        ({"max_tokens": True}, None),
        ({"max_tokens": "100"}, None),
        ({"max_tokens": 1.5}, None),
    ],
)
def test_output_limit_is_read_from_either_field(fields: dict[str, Any], limit: int | None) -> None:
    assert extract(user("x"), **fields).max_output_tokens == limit


@pytest.mark.parametrize(("n", "expected"), [(None, 1), (1, 1), (4, 4), (0, 1), ("4", 1), (10**18, 1_000)])
def test_choices_are_bounded(n: Any, expected: int) -> None:
    assert prompt_features.choices({"n": n}) == expected


def test_conversation_without_a_user_is_general() -> None:
    found = extract({"role": "system", "content": "Be kind."})
    assert (found.pattern, found.tier) == ("general", "simple")


def test_no_messages_are_described_too() -> None:
    assert extract().input_tokens == 3


def test_too_deep_a_body_is_refused() -> None:
    deep: Any = 1
    for _ in range(1_000):
        deep = [deep]
    with pytest.raises(TooDeeplyNested):
        extract(user("x"), tools=[deep])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
PARTS = st.lists(JSON | st.fixed_dictionaries({"type": JSON | st.sampled_from(["text", "image_url"]), "text": JSON}))


@given(
    messages=st.lists(st.fixed_dictionaries({"role": JSON | st.just("user"), "content": JSON | PARTS}), max_size=3),
    fields=st.dictionaries(
        st.sampled_from(["tools", "functions", "response_format", "max_tokens", "max_completion_tokens", "n"]),
        JSON | st.fixed_dictionaries({"type": JSON}),
    ),
)
def test_any_body_with_a_list_of_messages_is_described(messages: list[Any], fields: dict[str, Any]) -> None:
    body = {**fields, "messages": messages}
    found = prompt_features.extract(body, task=None)
    assert 0.0 <= found.complexity_score <= 1.0
    assert found == prompt_features.extract(body, task=None)
