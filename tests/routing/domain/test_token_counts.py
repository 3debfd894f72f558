from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.domain import tokens

SENTENCE = "The quick brown fox jumps over the lazy dog."  # 10 tokens in o200k and cl100k


@pytest.mark.parametrize(
    ("text", "model", "expected"),
    [
        ("", "", 0),
        (SENTENCE, "", 10),
        (SENTENCE, "gpt-4o-mini", 10),
        (SENTENCE, "GPT-4", 10),
        (SENTENCE, "some-unknown-model", 10),
        # Claude's tokenizer is not published: 10 tokens and 35 percent, rounded up.
        (SENTENCE, "claude-sonnet-4", 14),
        # Both counts are in OpenAI's cookbook on counting tokens.
        ("お誕生日おめでとう", "gpt-4o", 8),
        ("お誕生日おめでとう", "gpt-4", 9),
    ],
)
def test_text_counts_in_the_vocabulary_of_its_family(text: str, model: str, expected: int) -> None:
    assert tokens.count(text, model) == expected


def test_special_tokens_spelled_out_count_as_ordinary_text() -> None:
    # As a special token it would be one.
    assert tokens.count("<|endoftext|>") == 7


def test_lone_surrogates_and_nul_are_counted_like_any_character() -> None:
    assert tokens.count("a\ud800b") == tokens.count("a?b")
    assert tokens.count("a\x00b") == 3


def test_text_at_the_sampling_threshold_counts_about_as_just_above_it() -> None:
    exact = tokens.count((SENTENCE + " ") * 2_222 + "x" * 10)  # 100,000 characters
    sampled = tokens.count((SENTENCE + " ") * 2_222 + "x" * 11)
    assert exact <= sampled <= exact * 1.01


def test_sampled_count_follows_the_density_of_a_mixed_text() -> None:
    prose, digits = (SENTENCE + " ") * 5_000, "7 3 9 1 " * 25_000
    # Pieces below the threshold are counted exactly.
    expected = 5_000 * tokens.count(" " + SENTENCE) + 25_000 * tokens.count(" 7 3 9 1")
    assert tokens.count(prose + digits) == pytest.approx(expected, rel=0.02)


def test_sampled_count_does_not_fall_short_where_dense_script_hides_between_samples() -> None:
    # Each of fifty parts begins with 2,000 letters and spaces, which is what the sample sees, and goes on in Chinese.
    latin, chinese = "a b " * 500, "漢字" * 1_000
    assert tokens.count((latin + chinese) * 50) >= 50 * (tokens.count(latin) + tokens.count(chinese))


@given(st.text(alphabet=st.characters()))
def test_count_never_exceeds_the_bytes_of_the_text(text: str) -> None:
    assert 0 <= tokens.count(text) <= len(text.encode("utf-8", "replace"))


@pytest.mark.parametrize(
    ("default_tokens", "model", "expected"),
    [(0, "claude-opus", 0), (100, "gpt-4o", 100), (101, "claude-opus", 137), (101, "Llama-3.3-70b", 137), (7, "", 7)],
)
def test_default_count_converts_upward_to_a_family(default_tokens: int, model: str, expected: int) -> None:
    assert tokens.for_model(default_tokens, model) == expected


def test_conversation_counts_its_text_and_the_overhead_of_each_message() -> None:
    # 3 for the conversation, 4 for each message, 10 for each sentence, 1 for the line feed that joins them.
    message = {"role": "user", "content": SENTENCE}
    assert tokens.count_message_tokens([message]) == 3 + 4 + 10
    assert tokens.count_message_tokens([message, message]) == pytest.approx(3 + 8 + 20, abs=1)


def test_text_parts_count_as_their_text() -> None:
    parts = {"role": "user", "content": [{"type": "text", "text": SENTENCE}]}
    assert tokens.count_message_tokens([parts]) == 3 + 4 + 10


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 500_000}}, 1_600),
        ({"type": "image_url", "image_url": {"url": "https://example.org/x.png"}}, 1_600),
        ({"type": "input_audio", "input_audio": {"data": "A" * 1_000, "format": "wav"}}, 1_600),
        # 400,000 characters and the 57 of the object around them, one token for a hundred.
        ({"type": "input_audio", "input_audio": {"data": "A" * 400_000, "format": "wav"}}, 4_000),
    ],
)
def test_images_and_attachments_count_flat(part: dict[str, Any], expected: int) -> None:
    assert tokens.count_message_tokens([{"role": "user", "content": [part]}]) == 3 + 4 + expected


def test_tool_calls_and_offered_tools_are_counted() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}
    bare = tokens.count_message_tokens([{"role": "assistant", "content": None}])
    with_call = tokens.count_message_tokens([{"role": "assistant", "content": None, "tool_calls": [call]}])
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    with_tools = tokens.count_message_tokens([{"role": "assistant", "content": None}], [tool])
    assert bare == 3 + 4
    assert with_call > bare + tokens.count('{"city":"Paris"}')
    # 346 for the tools, 8 for the one tool, and its text.
    assert with_tools > bare + 346 + 8 + tokens.count("weather")


@pytest.mark.parametrize(
    "content", [None, 5, True, {"a": 1}, [None, 7, "x", {}, {"type": ["text"]}, {"type": "text", "text": 3}]]
)
def test_content_of_an_unexpected_type_is_counted_all_the_same(content: Any) -> None:
    assert tokens.count_message_tokens([{"role": "user", "content": content}]) >= 3 + 4
