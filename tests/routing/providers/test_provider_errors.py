from datetime import UTC, datetime

import pytest

from routing.providers import error_text, errors
from routing.providers.base import ProviderConfig
from routing.providers.http_errors import BadResponse, ConnectFailed, Disconnected, InvalidHeader, InvalidUrl, TlsFailed

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
KEY = "sk-canary-0123456789abcdef"
CONFIG = ProviderConfig("acme", "openai_compatible", "https://api.acme.example/v1", KEY)


@pytest.mark.parametrize(
    ("status", "code", "retryable", "fallback"),
    [
        (302, "redirect", False, True),
        (400, "bad_request", False, False),
        (401, "authentication", False, True),
        (402, "payment_required", False, True),
        (403, "authentication", False, True),
        (404, "not_found", False, True),
        (408, "timeout", True, True),
        (409, "server_error", True, True),
        (413, "bad_request", False, False),
        (418, "bad_request", False, True),
        (422, "bad_request", False, False),
        (425, "server_error", True, True),
        (429, "rate_limited", True, True),
        (500, "server_error", True, True),
        (501, "server_error", False, True),
        (502, "server_error", True, True),
        (503, "server_error", True, True),
        (504, "server_error", True, True),
        (529, "server_error", True, True),
    ],
)
def test_status_says_whether_to_try_again(status: int, code: str, retryable: bool, fallback: bool) -> None:
    error = errors.from_response(CONFIG, status, {}, b"", NOW)

    assert (error.code, error.retryable, error.fallback, error.sent) == (code, retryable, fallback, "no")


def test_empty_success_may_have_been_billed() -> None:
    error = errors.from_response(CONFIG, 204, {}, b"", NOW)

    assert (error.code, error.sent) == ("malformed", "yes")


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":{"message":"no","type":"invalid_request_error","code":"context_length_exceeded"}}',
        b'{"error":{"message":"This model\'s maximum context length is 8192 tokens."}}',
        b'{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens"}}',
        b'[{"error":{"code":400,"message":"The input token count (1100000) exceeds the maximum"}}]',
    ],
)
def test_prompt_too_long_for_one_model_may_fit_another(body: bytes) -> None:
    error = errors.from_response(CONFIG, 400, {}, body, NOW)

    assert (error.code, error.retryable, error.fallback) == ("context_length", False, True)


def test_exhausted_account_is_not_asked_again() -> None:
    body = b'{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}'
    error = errors.from_response(CONFIG, 429, {}, body, NOW)

    assert (error.code, error.retryable, error.fallback) == ("rate_limited", False, True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "-7"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "99999999"}, 99999999.0),
        ({"Retry-After": "Wed, 01 Jul 2026 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "Wed, 01 Jul 2026 11:59:30 GMT"}, None),
        ({"Retry-After": "Wed, 99999999999999999999 Jul 2026 12:00:30 GMT"}, None),
        ({"Retry-After": "Wed, 01 Jul 2026 12:00:30 +99999999999999999999"}, None),
        ({"retry-after-ms": "250", "Retry-After": "1"}, 0.25),
        ({"retry-after-ms": "-1", "Retry-After": "1"}, 1.0),
    ],
)
def test_wait_a_provider_asks_for_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert error_text.retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(
    "said",
    [
        f"Incorrect API key provided: {KEY}.",
        "Incorrect API key provided: sk-proj-abcd****************wxyz.",
        "key sk-ant-api03-0123456789abcdef is revoked",
        "API key AIzaSyA0123456789abcdefghij not valid",
        "header was Authorization: Bearer abcdef0123456789",
    ],
)
def test_key_in_what_the_provider_says_is_removed(said: str) -> None:
    text = error_text.safe(said, KEY)

    assert "[key]" in text
    assert "cdef" not in text
    assert "wxyz" not in text


def test_key_of_no_known_form_is_removed_too() -> None:
    assert error_text.safe("no such key: open-sesame", "open-sesame") == "no such key: [key]"


def test_what_the_provider_says_is_short_and_printable() -> None:
    # The C1 control that begins an escape sequence, and the character that turns the order of letters around.
    text = error_text.safe("a\x00b\nc\ud800d\x9b31me\u202ef" + "x" * 10_000, None)

    assert text.startswith("a b c d 31me fx")
    assert len(text) == 500


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"no"}}', "no"),
        (b'{"error":"no"}', "no"),
        (b'{"message":"no"}', "no"),
        (b'[{"error":{"message":"no"}}]', "no"),
        (b'{"error":{"message":7}}', None),
        (b"[]", None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_message_is_found_wherever_providers_put_it(body: bytes, message: str | None) -> None:
    assert error_text.message_of(body) == message


@pytest.mark.parametrize(
    ("failure", "code", "retryable", "sent"),
    [
        (ConnectFailed("refused"), "connect", True, "no"),
        (TlsFailed("handshake"), "connect", False, "no"),
        (InvalidUrl("nonsense"), "connect", False, "no"),
        (InvalidHeader("line break"), "connect", False, "no"),
        (TimeoutError(), "timeout", False, "unknown"),
        (Disconnected("no more was sent"), "interrupted", True, "unknown"),
        (ConnectionResetError(104, "reset"), "interrupted", True, "unknown"),
        (BadResponse("no HTTP"), "malformed", False, "unknown"),
        (ValueError("no HTTP"), "malformed", False, "unknown"),
    ],
)
def test_failure_before_the_answer_says_whether_it_was_sent(
    failure: Exception, code: str, retryable: bool, sent: str
) -> None:
    error = errors.before_answer(CONFIG, failure)

    assert (error.code, error.retryable, error.fallback, error.sent) == (code, retryable, True, sent)


def test_what_the_client_has_read_cannot_be_tried_again() -> None:
    failure = Disconnected("cut")
    whole = errors.during_answer(CONFIG, failure)
    partly_read = errors.during_answer(CONFIG, failure, passed_on=True)

    assert (whole.code, whole.retryable, whole.fallback, whole.sent) == ("interrupted", True, True, "yes")
    assert (partly_read.code, partly_read.retryable, partly_read.fallback) == ("interrupted", False, False)
