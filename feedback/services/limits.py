"""How often one caller may rate."""

from datetime import datetime, timedelta
from math import ceil

from django.conf import settings
from django.db.models import Q

from accounts.models import ApiKey
from accounts.services import rate_limit_counters
from feedback.models import ResponseFeedback
from routing.services.feedback_tokens import TokenClaims

RATINGS_BY_TOKEN_A_DAY = 20
_DAY = timedelta(days=1)


class TooManyRatings(Exception):
    """The caller has sent as many ratings as it may; another is taken after ``retry_after_seconds``."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(f"{message} Try again in {retry_after_seconds} s.")
        self.retry_after_seconds = retry_after_seconds


def admit_key(api_key: ApiKey) -> None:
    """Count one rating of the key in this UTC minute, exactly, over all processes; raises TooManyRatings.

    Ratings are counted beside the key's requests to the gateway, under the negative of its id.
    """
    totals = rate_limit_counters.add_in_database({-api_key.id: 1})
    if totals.by_key[-api_key.id] > settings.FEEDBACK_PER_MINUTE:
        raise TooManyRatings(f"This key may send {settings.FEEDBACK_PER_MINUTE} ratings a minute.", totals.seconds_left)


def admit_token(claims: TokenClaims, now: datetime) -> None:
    """Raise TooManyRatings when the token's request was rated by token as often as it may be within 24 hours."""
    # In two parts, because linked and unlinked ratings are found by different indexes.
    linked = Q(ledger_request_id=claims.request_id)
    unlinked = Q(linked=False, team_id=claims.team_id, request_id=str(claims.request_id))
    by_token = ResponseFeedback.objects.filter(
        linked | unlinked, source=ResponseFeedback.Source.TOKEN, created_at__gt=now - _DAY
    )
    # The newest that are still allowed; while there are so many, the oldest of them must age first.
    times = list(by_token.order_by("-created_at").values_list("created_at", flat=True)[:RATINGS_BY_TOKEN_A_DAY])
    if len(times) == RATINGS_BY_TOKEN_A_DAY:
        wait = max(1, ceil((times[-1] + _DAY - now).total_seconds()))
        raise TooManyRatings(f"An answer may be rated {RATINGS_BY_TOKEN_A_DAY} times a day by its token.", wait)
