"""Long prompts, and prompts made to be slow to read, take little of the server's time."""

import pytest

from tests.hostile.raw import CHAT, RawClient

MEGABYTE = 1_000_000
PROMPTS: dict[str, str] = {
    "one word of a megabyte": "a" * MEGABYTE,
    "a megabyte of words": "word " * (MEGABYTE // 5),
    "almost ten megabytes of words": "word " * (9_900_000 // 5),
    "almost ten megabytes without a space": "a" * 9_900_000,
    "bomb for nested repetition": "a" * 50_000 + "!",
    "bomb for code patterns": "def f(" * 100_000,
    "bomb for lists": "- " * 300_000,
    "bomb for fences": "```" * 200_000,
    "bomb for numbers": "1." * 300_000,
    "bomb for spaces": "\n" * 300_000 + " " * 300_000 + "x",
    "combining marks out of order": "\u0301\u0316" * 400_000,
    "letters that grow when normalized": "\ufdfa" * 300_000,
    "zero-width joiners": "\u200d" * 300_000,
    "right-to-left overrides": "\u202e" * 300_000,
    "every kind of line end": "\r\n\u2028\u0085" * 150_000,
}


@pytest.mark.parametrize("model", ["ok", "auto"])
def test_prompt_is_served_in_little_time(client: RawClient, model: str) -> None:
    answers = {
        name: client.chat(model=model, messages=[{"role": "user", "content": prompt}])
        for name, prompt in PROMPTS.items()
    }

    assert {name: answer.status for name, answer in answers.items() if answer.status not in (200, 422)} == {}
    assert {name: answer for name, answer in answers.items() if not answer.is_harmless_for(CHAT)} == {}


def test_conversation_of_many_messages_is_served(client: RawClient) -> None:
    answer = client.chat(messages=[{"role": "user", "content": "Hello"}] * 5_000)

    assert answer.status == 200
    assert answer.is_harmless_for(CHAT)
