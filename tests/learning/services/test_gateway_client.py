import threading
from collections.abc import Iterator

import pytest

from learning.services.gateway_client import CallFailed, GatewayClient, Question
from tests.learning.services.fake_http import Answer, completion, fake_http, refusal, row

QUESTION = Question("acme/small", [{"role": "user", "content": "Hi"}], 50, "key-1")


def client(url: str, *, stopping: threading.Event | None = None) -> GatewayClient:
    return GatewayClient(url, "aco_key", "label-1", timeout_seconds=5, stopping=stopping or threading.Event())


def scripted(*answers: Answer) -> Iterator[Answer]:
    return iter(answers)


def test_question_carries_key_label_and_no_store() -> None:
    with fake_http(lambda _body, _headers: completion("Hello", number=1)) as gateway:
        reply = client(gateway.url + "/").ask(QUESTION)
    path, headers, body = gateway.asked[0]
    assert (reply.text, reply.served_model, reply.request_ids) == ("Hello", "acme/small", (row(1),))
    assert path == "/v1/chat/completions"
    assert body == {"model": "acme/small", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 50}
    assert headers["authorization"] == "Bearer aco_key"
    assert (headers["x-optimizer-session"], headers["x-optimizer-cache"]) == ("label-1", "no-store")
    assert headers["idempotency-key"] == "key-1"


def test_question_is_asked_again_under_the_same_key_and_every_row_is_kept() -> None:
    answers = scripted(
        (*refusal(503, "overloaded")[:1], {"x-request-id": row(1)}, b"{}"), completion("Hello", number=2)
    )
    with fake_http(lambda _body, _headers: next(answers)) as gateway:
        reply = client(gateway.url).ask(QUESTION)
    assert reply.request_ids == (row(1), row(2))
    assert [headers["idempotency-key"] for _, headers, _ in gateway.asked] == ["key-1", "key-1"]


@pytest.mark.parametrize(("status", "is_fatal"), [(401, True), (402, True), (403, True), (404, False), (422, False)])
def test_refusal_is_not_asked_again(status: int, is_fatal: bool) -> None:
    refusing = fake_http(lambda _body, _headers: refusal(status, "why"))
    with refusing as gateway, pytest.raises(CallFailed, match="refused: why") as failed:
        client(gateway.url).ask(QUESTION)
    assert (failed.value.code, failed.value.is_fatal, len(gateway.asked)) == ("why", is_fatal, 1)


def test_stopping_ends_the_wait_between_tries() -> None:
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(CallFailed) as failed:
        client("http://127.0.0.1:9", stopping=stopping).ask(QUESTION)
    assert failed.value.code == "stopped"


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'{"choices": []}', b'{"choices": [{"message": null}]}'])
def test_answer_without_text_is_a_failure(content: bytes) -> None:
    with (
        fake_http(lambda _body, _headers: (200, {"x-request-id": row(1)}, content)) as gateway,
        pytest.raises(CallFailed) as failed,
    ):
        client(gateway.url).ask(QUESTION)
    assert failed.value.code == "no_text"


def test_key_is_not_shown() -> None:
    assert "aco_key" not in repr(client("http://127.0.0.1:9"))


def test_answer_without_a_row_in_the_ledger_is_of_another_server() -> None:
    status, headers, content = completion("Hello")
    other = fake_http(lambda _body, _headers: (status, {**headers, "x-request-id": "req_abc"}, content))
    with other as server, pytest.raises(CallFailed, match="is not this gateway") as failed:
        client(server.url).ask(QUESTION)
    assert (failed.value.code, failed.value.is_fatal) == ("not_the_gateway", True)
