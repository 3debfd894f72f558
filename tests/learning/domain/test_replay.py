from typing import Any

import pytest

from learning.domain.replay import replayable_text

USER = {"role": "user", "content": "Why?"}


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([USER], "Why?"),
        ([{"role": "system", "content": "Be brief."}, USER, {"role": "assistant", "content": "Because."}], "Why?"),
        ([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}], "a\nb"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}], None),
        ([USER, {"role": "assistant", "content": "", "tool_calls": [{"id": "1"}]}], None),
        ([USER, {"role": "tool", "content": "42"}], None),
        ([{"role": "assistant", "content": "Hi"}], None),
        ([{"role": "user", "content": "  "}], None),
        ([{"role": "user", "content": "x" * 11}], None),
        ([], None),
        ("no list", None),
        ([5], None),
    ],
)
def test_only_conversations_of_text_are_replayed(messages: Any, text: str | None) -> None:
    assert replayable_text(messages, max_characters=10) == text
