"""The one map from a failed exchange to a ``ProviderError``.

How ``sent`` is decided, because money hangs on it (``no`` is not billed, the rest is billed as an estimate):

- ``no``: the connection was never made (DNS, TCP, TLS, its deadline), or the provider refused with an error status.
  Providers bill answers, so a 4xx, 429 or 5xx in place of an answer is not billed.
- ``unknown``: the request went out and nothing came back: cut or timed out before the status line. The model may have
  been running; only the provider's invoice knows.
- ``yes``: the provider accepted (200) and failed afterwards: unusable body, broken stream, timeout between tokens.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from routing.providers import error_text
from routing.providers.base import ProviderConfig, ProviderError, Sent
from routing.providers.decoding import Undecodable
from routing.providers.http_errors import ConnectFailed, InvalidHeader, InvalidUrl, TlsFailed

FAILURES = (OSError, ValueError)
"""Everything an exchange may raise besides ``ProviderError``: see ``http_errors``; TimeoutError is an OSError."""

_CONTEXT_LENGTH = re.compile(
    r"context[_ ](?:length|window)|maximum context|prompt is too long|too many (?:input )?tokens|input token count",
    re.I,
)


class TooLarge(ValueError):
    """The provider sent more than we are willing to hold."""


class ErrorEvent(ValueError):
    """The provider reported an error inside an answer it had begun with 200; ``status`` is None when it named none."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Rule:
    code: str
    retryable: bool
    fallback: bool


_RULES = {
    400: _Rule("bad_request", retryable=False, fallback=False),
    401: _Rule("authentication", retryable=False, fallback=True),
    402: _Rule("payment_required", retryable=False, fallback=True),
    403: _Rule("authentication", retryable=False, fallback=True),
    404: _Rule("not_found", retryable=False, fallback=True),
    408: _Rule("timeout", retryable=True, fallback=True),
    409: _Rule("server_error", retryable=True, fallback=True),
    413: _Rule("bad_request", retryable=False, fallback=False),
    422: _Rule("bad_request", retryable=False, fallback=False),
    425: _Rule("server_error", retryable=True, fallback=True),
    429: _Rule("rate_limited", retryable=True, fallback=True),
    501: _Rule("server_error", retryable=False, fallback=True),
    505: _Rule("server_error", retryable=False, fallback=True),
}
_SERVER_ERROR = _Rule("server_error", retryable=True, fallback=True)
_REDIRECT = _Rule("redirect", retryable=False, fallback=True)
_MALFORMED = _Rule("malformed", retryable=False, fallback=True)
_OTHER_REFUSAL = _Rule("bad_request", retryable=False, fallback=True)


def from_response(
    config: ProviderConfig, status: int, headers: Mapping[str, str], body: bytes, now: datetime | None = None
) -> ProviderError:
    """Map an answer whose status is not 200."""
    rule = _rule(status)
    words = error_text.error_words(body)
    code, retryable, fallback = rule.code, rule.retryable, rule.fallback
    if status in (400, 413, 422) and _CONTEXT_LENGTH.search(words):
        code, fallback = "context_length", True
    if status == 429 and "insufficient_quota" in words:
        # An exhausted account answers the same in a second; only another provider helps.
        retryable = False
    said = error_text.message_of(body)
    message = f"{config.slug} answered HTTP {status}" + (f": {said}" if said else "")
    return ProviderError(
        code,
        error_text.safe(message, config.api_key),
        retryable=retryable,
        fallback=fallback,
        sent="yes" if status < 300 else "no",
        status=status,
        retry_after=error_text.retry_after(headers, now or datetime.now(UTC)),
    )


def before_answer(config: ProviderConfig, failure: Exception) -> ProviderError:
    """Map what was raised before the provider's status line was read."""
    if isinstance(failure, InvalidUrl):
        return _error(config, "connect", "its base URL is not valid; correct it in the admin", sent="no")
    if isinstance(failure, InvalidHeader):
        return _error(config, "connect", f"was not asked: {failure}; correct its key in the admin", sent="no")
    if isinstance(failure, ConnectFailed):
        retryable = not isinstance(failure, TlsFailed)
        return _error(config, "connect", "could not connect: " + _reason(failure), sent="no", retryable=retryable)
    if isinstance(failure, TimeoutError):
        return _error(config, "timeout", "gave no answer within its deadline", sent="unknown")
    if isinstance(failure, ValueError):
        return _error(config, "malformed", "answered with something that is not HTTP", sent="unknown")
    return _error(config, "interrupted", "closed the connection: " + _reason(failure), sent="unknown", retryable=True)


def during_answer(config: ProviderConfig, failure: Exception, *, passed_on: bool = False) -> ProviderError:
    """Map what was raised after a 200; ``passed_on`` once a part of the answer may have reached the client.

    From then on there is no second try: nobody can take back what the client has read.
    """
    error = _during_answer(config, failure)
    if not passed_on:
        return error
    code = error.code if error.code in ("timeout", "too_large") else "interrupted"
    return ProviderError(code, error.message, retryable=False, fallback=False, sent="yes", status=error.status)


def _during_answer(config: ProviderConfig, failure: Exception) -> ProviderError:
    if isinstance(failure, TimeoutError):
        return _error(config, "timeout", "stopped sending before the answer was complete", sent="yes")
    if isinstance(failure, TooLarge):
        return _error(config, "too_large", str(failure), sent="yes")
    if isinstance(failure, ErrorEvent):
        return _from_error_event(config, failure)
    if isinstance(failure, Undecodable):
        return _error(config, "malformed", f"sent an answer that is {failure}", sent="yes")
    return _error(config, "interrupted", "broke off its answer: " + _reason(failure), sent="yes", retryable=True)


def _from_error_event(config: ProviderConfig, failure: ErrorEvent) -> ProviderError:
    rule = _rule(failure.status) if failure.status and failure.status >= 400 else _SERVER_ERROR
    message = error_text.safe(f"{config.slug} reported an error in its answer: {failure}", config.api_key)
    return ProviderError(
        rule.code, message, retryable=rule.retryable, fallback=rule.fallback, sent="yes", status=failure.status
    )


def _rule(status: int) -> _Rule:
    if status in _RULES:
        return _RULES[status]
    if status >= 500:
        return _SERVER_ERROR
    if status >= 400:
        return _OTHER_REFUSAL
    return _REDIRECT if status >= 300 else _MALFORMED


def _error(config: ProviderConfig, code: str, message: str, *, sent: Sent, retryable: bool = False) -> ProviderError:
    text = error_text.safe(f"{config.slug} {message}", config.api_key)
    return ProviderError(code, text, retryable=retryable, fallback=True, sent=sent)


def _reason(failure: Exception) -> str:
    return str(failure) or type(failure).__name__
