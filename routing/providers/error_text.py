"""What a provider says when it refuses, made safe to log and to store."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from routing.providers.decoding import Undecodable, decode

MAX_MESSAGE_CHARACTERS = 500

_KEY_LIKE = re.compile(r"\b(?:sk|pk|rk|csk|gsk|xai|aco|AIza)[-_]?[A-Za-z0-9*][A-Za-z0-9_*.-]{7,}|\bBearer\s+\S+", re.I)
_LINE_ENDS = re.compile("\n+")


def message_of(body: bytes) -> str | None:
    """Return ``error.message`` of a JSON error body, in any of the shapes in use; None when there is none."""
    try:
        answer = decode(body)
    except Undecodable:
        return None
    return message_in(answer)


def message_in(answer: object) -> str | None:
    """Return the message of a decoded error: ``{"error": {"message"}}``, ``{"error": "…"}``, ``{"message"}``.

    Gemini's compatible endpoint wraps its error into a list.
    """
    if isinstance(answer, list) and answer:
        answer = answer[0]
    if not isinstance(answer, dict):
        return None
    error = answer.get("error", answer)
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) and message else None


def error_words(body: bytes) -> str:
    """Return the ``code``, ``type`` and ``message`` of a JSON error body as one text to search, "" when it has none."""
    try:
        answer = decode(body)
    except Undecodable:
        return ""
    if isinstance(answer, list) and answer:
        answer = answer[0]
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        return message_in(answer) or ""
    return " ".join(str(error.get(name) or "") for name in ("code", "type", "message"))


def safe(text: str, api_key: str | None) -> str:
    """Remove the key and whatever looks like one, what is not printable, and all beyond 500 characters.

    Providers do quote keys: "Incorrect API key provided: sk-…". What is not printable would let them write into a
    terminal that shows a log, or turn around the order of its letters.
    """
    text = text[: 8 * MAX_MESSAGE_CHARACTERS]
    if api_key:
        text = text.replace(api_key, "[key]")
    text = _KEY_LIKE.sub("[key]", text)
    printable = "".join(character if character.isprintable() else "\n" for character in text)
    return _LINE_ENDS.sub(" ", printable)[:MAX_MESSAGE_CHARACTERS]


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds a provider asks to wait, as it says them; None when it says nothing usable.

    ``retry-after-ms`` wins over ``Retry-After``, which is seconds or an HTTP date. Nothing caps the number here.
    """
    for name, per_second in (("retry-after-ms", 1000.0), ("Retry-After", 1.0)):
        seconds = _positive(headers.get(name), per_second)
        if seconds is not None:
            return seconds
    return _seconds_until(headers.get("Retry-After"), now)


def _positive(text: str | None, per_second: float) -> float | None:
    try:
        seconds = float(text or "") / per_second
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _seconds_until(text: str | None, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        # A day, a year or an offset of many digits fits into no date.
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - now).total_seconds()
    return seconds if seconds >= 0 else None
