"""Tokens that let a browser rate one answer: what is taken is what was issued."""

import uuid
from datetime import UTC, datetime

from routing.services import feedback_tokens
from routing.services.feedback_tokens import InvalidFeedbackToken
from tests.fuzz.guided.target import Target, hold

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
REQUEST = uuid.UUID("0190c5a0-0000-7000-8000-000000000000")
TEAM = 7


def check(data: bytes) -> str:
    """Hold a token: what is taken is, letter by letter, what was issued for the request it names."""
    text = data.decode("utf-8", "replace")
    try:
        claims = feedback_tokens.read(text, NOW)
    except InvalidFeedbackToken as refusal:
        hold(str(refusal) != "", "refused without a reason")
        return "refused"
    assert text == feedback_tokens.issue(claims.request_id, claims.team_id, NOW), f"forged: {text}"
    return "accepted"


_ISSUED = feedback_tokens.issue(REQUEST, TEAM, NOW).encode()
TARGETS = {
    "rating-tokens": Target(
        check, {"issued": _ISSUED, "changed": b"B" + _ISSUED[1:]}, (b"=", b"==", b"-", b"_", b"\xc2\xb2")
    )
}
