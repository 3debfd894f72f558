import json
from collections.abc import Callable

import pytest
from django.core.management.base import CommandError

from tests.optimizer_project.fake_api import FakeServer

Run = Callable[..., str]
COMPLETION = {
    "model": "simulated-small",
    "choices": [{"message": {"role": "assistant", "content": "Paris."}}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 2, "cost_usd": 0.000125},
}


@pytest.fixture(autouse=True)
def completion(server: FakeServer) -> None:
    server.answer = json.dumps(COMPLETION).encode()


def test_answer_is_shown_with_what_it_cost(optimizer: Run, server: FakeServer, url: str) -> None:
    shown = optimizer("chat", "Capital of France?", "--url", url, "--api-key", "aco_key", "--max-tokens", "5")
    assert shown == "Paris.\n\nsimulated-small: 7 tokens in, 2 out, 0.000125 USD\n"
    path, authorization, body = server.seen[0]
    assert (path, authorization) == ("/v1/chat/completions", "Bearer aco_key")
    assert json.loads(body) == {
        "model": "auto",
        "messages": [{"role": "user", "content": "Capital of France?"}],
        "max_tokens": 5,
    }


def test_key_is_taken_from_the_environment(
    optimizer: Run, server: FakeServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTIMIZER_API_KEY", "aco_env")
    assert json.loads(optimizer("chat", "Hi", "--url", url, "--json")) == COMPLETION
    assert server.seen[0][1] == "Bearer aco_env"


def test_missing_key_is_told_with_the_way_to_one(optimizer: Run) -> None:
    with pytest.raises(CommandError, match=r"OPTIMIZER_API_KEY.*key create"):
        optimizer("chat", "Hi")


def test_refusal_of_the_server_is_told_in_its_words(optimizer: Run, server: FakeServer, url: str) -> None:
    server.status = 402
    server.answer = b'{"error": {"message": "The budget is spent."}}'
    with pytest.raises(CommandError, match=r"answered 402: The budget is spent\."):
        optimizer("chat", "Hi", "--url", url, "--api-key", "aco_key")


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"{}", b'{"choices": []}'])
def test_other_server_is_recognized_as_such(optimizer: Run, server: FakeServer, url: str, answer: bytes) -> None:
    server.answer = answer
    with pytest.raises(CommandError, match="this server"):
        optimizer("chat", "Hi", "--url", url, "--api-key", "aco_key")


def test_server_that_is_down_is_told_with_the_cure(optimizer: Run) -> None:
    with pytest.raises(CommandError, match=r"does not answer.*optimizer start"):
        optimizer("chat", "Hi", "--url", "http://127.0.0.1:9", "--api-key", "aco_key")


def test_address_that_is_none_is_refused(optimizer: Run) -> None:
    with pytest.raises(CommandError, match="is no address"):
        optimizer("chat", "Hi", "--url", "file:///etc/passwd", "--api-key", "aco_key")
