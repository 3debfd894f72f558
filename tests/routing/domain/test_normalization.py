from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.domain.normalization import normalized_request, prompt_bytes

BODY: dict[str, Any] = {
    "model": "auto",
    "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}],
    "temperature": 0.5,
}


def key(body: dict[str, Any], model_or_strategy: str = "auto") -> bytes:
    return normalized_request(body, model_or_strategy=model_or_strategy)


def said(content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}]}


def test_canonical_bytes_are_these() -> None:
    # Stored keys depend on them: a change of format must be deliberate.
    assert key({"seed": 1, **said(" Hi\r\n")}) == b'["auto",false,[{"content":"Hi","role":"user"}],{"seed":1}]'


@pytest.mark.parametrize(
    "equal",
    [
        {**BODY, "user": "u-1"},
        {**BODY, "metadata": {"a": "b"}},
        {**BODY, "stream_options": {"include_usage": True}},
        {**BODY, "store": True},
        {**BODY, "model": "something else"},
        {**BODY, "stream": False},
        {**BODY, "stream": None},
        dict(reversed(BODY.items())),
        {**BODY, "messages": [{"content": "Be kind.", "role": "system"}, {"content": "\n Hello\t", "role": "user"}]},
    ],
)
def test_what_does_not_change_the_answer_does_not_change_the_bytes(equal: dict[str, Any]) -> None:
    assert key(equal) == key(BODY)


@pytest.mark.parametrize(
    "other",
    [
        {**BODY, "temperature": 0.6},
        {**BODY, "temperature": None},
        {**BODY, "seed": 1},
        {**BODY, "stream": True},
        {**BODY, "n": 2},
        {**BODY, "tools": [{"type": "function"}]},
        {**BODY, "field_we_do_not_know": 1},
        {**BODY, "messages": BODY["messages"][::-1]},
        {**BODY, "messages": BODY["messages"][1:]},
        {**BODY, "messages": [*BODY["messages"], {"role": "user", "content": ""}]},
        {**BODY, "messages": [BODY["messages"][0], {"role": "user", "content": "hello"}]},
        {**BODY, "messages": [BODY["messages"][0], {"role": "user", "content": "Hello", "name": "Ann"}]},
        {**BODY, "messages": [BODY["messages"][0], {"role": "user", "content": ["Hello"]}]},
    ],
)
def test_what_may_change_the_answer_changes_the_bytes(other: dict[str, Any]) -> None:
    assert key(other) != key(BODY)


def test_route_is_part_of_the_bytes() -> None:
    assert key(BODY, "auto") != key(BODY, "openai/gpt-4o")


def test_composed_and_decomposed_letters_are_the_same_text() -> None:
    assert key(said("caf\u00e9")) == key(said("cafe\u0301"))


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_line_endings_are_the_same_text(ending: str) -> None:
    assert key(said(f"one{ending}two")) == key(said("one\ntwo"))


def test_inner_whitespace_is_kept() -> None:
    assert key(said("def f():\n    pass")) != key(said("def f():\n  pass"))


def test_text_parts_are_normalized_and_other_parts_kept() -> None:
    assert key(said([{"type": "text", "text": " a\r\n"}])) == key(said([{"type": "text", "text": "a"}]))
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    other = {"type": "image_url", "image_url": {"url": "https://example.org/b.png"}}
    assert key(said([image])) != key(said([other]))


def test_text_cannot_pose_as_the_structure_around_it() -> None:
    assert key(said('"},{"role":"user","content":"x')) != key(
        {"messages": [*said("")["messages"], *said("x")["messages"]]}
    )


def test_prompt_bytes_ignore_parameters_and_see_messages() -> None:
    assert prompt_bytes({**BODY, "temperature": 1.0, "stream": True}) == prompt_bytes(BODY)
    assert prompt_bytes(said("a")) != prompt_bytes(said("b"))


def test_messages_of_any_content_have_bytes() -> None:
    assert prompt_bytes({"messages": [{}, {"content": None}, {"content": 5}, {"content": [None, 1, {"text": 2}]}]}) == (
        b'[{},{"content":null},{"content":5},{"content":[null,1,{"text":2}]}]'
    )


PARAMETERS = st.dictionaries(
    st.sampled_from(["temperature", "top_p", "seed", "n", "stop"]),
    st.none() | st.integers(-5, 5) | st.text(max_size=3) | st.lists(st.text(max_size=2), max_size=2),
)
CONTENTS = st.lists(st.text(alphabet="ab\"'[]{},:\\", max_size=4), max_size=3)


def request(contents: list[str], parameters: dict[str, Any]) -> dict[str, Any]:
    return {**parameters, "messages": [{"role": "user", "content": content} for content in contents]}


@given(CONTENTS, PARAMETERS, CONTENTS, PARAMETERS)
def test_requests_have_the_same_bytes_exactly_when_they_are_the_same(
    contents: list[str], parameters: dict[str, Any], other_contents: list[str], other_parameters: dict[str, Any]
) -> None:
    # The alphabet has no whitespace and is composed already, so normalization changes nothing.
    one, other = request(contents, parameters), request(other_contents, other_parameters)
    assert (key(one) == key(other)) == (one == other)


@given(st.text(alphabet=st.characters(), max_size=20))
def test_normalizing_twice_changes_nothing(text: str) -> None:
    padded = said(f" \r\n{text}\t")
    assert key(padded) == key(said(text.strip()))
