"""Ratings by token, for end users whose browser has no API key: who gets one, and whom it stands for."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts.models import Team
from accounts.services import key_guesses
from feedback.services import limits, linking
from feedback.services.ratings import Rater, UnknownRequest
from routing.services import feedback_tokens
from routing.services.feedback_tokens import InvalidFeedbackToken


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that lets whoever holds it rate one request until ``expires_at``."""

    token: str
    request_id: UUID
    expires_at: datetime


def issue(team: Team | None, request_id: str, now: datetime) -> Issued:
    """Return a token for a request of the team, or of any team for None; raises UnknownRequest."""
    entry = linking.find_request(team, request_id)
    if entry is None:
        raise UnknownRequest(f"There is no request {request_id!r}: send the x-request-id of an answer.")
    token = feedback_tokens.issue(entry.request_id, entry.team_id, now)
    return Issued(token, entry.request_id, feedback_tokens.read(token, now).expires_at)


def admit(token: str, now: datetime, *, address: str) -> tuple[Rater, UUID]:
    """Return who rates by this token, and the one request it is about.

    ``address`` is that of the browser, to be counted by when the token is wrong. No store is asked about such a token.

    Raises:
        InvalidFeedbackToken: It is not genuine, has expired, or its team is no longer active.
        TooManyRatings: The request was rated by token as often as it may be.
        TooManyWrongKeys: It is not genuine or has expired, and its address has sent too many such.
    """
    try:
        claims = feedback_tokens.read(token, now)
    except InvalidFeedbackToken:
        key_guesses.note(address)
        raise
    team = Team.objects.filter(id=claims.team_id, is_active=True).first()
    if team is None:
        raise InvalidFeedbackToken("The feedback token is no longer valid: its team is not active.")
    limits.admit_token(claims, now)
    return Rater(team=team, api_key=None), claims.request_id
