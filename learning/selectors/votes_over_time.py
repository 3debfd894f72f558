"""How ratings came in, and how good they were, over time."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Case, Count, F, IntegerField, QuerySet, Sum, Value, When

from accounts.models import Team
from feedback.models import ResponseFeedback
from feedback.selectors import votes
from learning.domain.vote_rates import DAYS_BEFORE, MIN_VOTES_OF_DAY, VoteRate

Quality = dict[str, dict[str, float | int]]

# By person first, for whoever rated most in the last day is looked at, then by model. All in one question: asking anew
# for each model would weigh the same ratings as often as there are models.
_RATES = """
WITH votes (pattern, provider, model, team_id, user_id, nameless_key_id, utc_day, is_last) AS ({votes}),
people AS (
    SELECT pattern, provider, model, SUM(is_last) AS last_day, SUM(1 - is_last) AS days_before,
        MIN(CASE WHEN is_last = 0 THEN utc_day END) AS first_day
    FROM votes
    GROUP BY pattern, provider, model, team_id, user_id, nameless_key_id
),
ranked AS (
    SELECT pattern, provider, model, last_day, days_before, first_day,
        ROW_NUMBER() OVER (PARTITION BY pattern, provider, model ORDER BY last_day DESC, days_before DESC) AS place
    FROM people
)
SELECT pattern, provider, model, SUM(last_day), SUM(days_before), MIN(first_day),
    MAX(CASE WHEN place = 1 THEN last_day END), MAX(CASE WHEN place = 1 THEN days_before END)
FROM ranked
GROUP BY pattern, provider, model
HAVING SUM(last_day) >= {min_votes}
ORDER BY pattern, provider, model
"""


def quality_by_pattern(team: Team | None, *, since: datetime, until: datetime) -> Quality:
    """Return the number of ratings and their mean stars by pattern."""
    rows = (
        votes.countable(team=team, since=since, until=until)
        .values("pattern")
        .annotate(ratings=Count("id"), stars=Sum("quality_score"))
        .order_by("pattern")
    )
    return {
        str(row["pattern"]): {"ratings": row["ratings"], "avg_quality": round(row["stars"] / row["ratings"], 6)}
        for row in rows
    }


def busy_rates(team: Team | None, *, now: datetime) -> list[VoteRate]:
    """Return the rates of the models that were rated often enough in the last day to be judged."""
    day = now - timedelta(days=1)
    sql, parameters = _votes(team, day, now).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_RATES.format(votes=sql, min_votes=MIN_VOTES_OF_DAY), parameters)
        return [_rate(*row, day=day) for row in cursor.fetchall()]


def _votes(team: Team | None, day: datetime, now: datetime) -> QuerySet[ResponseFeedback, Any]:
    counted = votes.countable(team=team, since=day - timedelta(days=DAYS_BEFORE), until=now)
    return counted.annotate(
        nameless_key_id=Case(When(user_id__isnull=True, then=F("api_key_id"))),
        utc_day=votes.UtcDay("created_at"),
        is_last=Case(When(created_at__gte=day, then=Value(1)), default=Value(0), output_field=IntegerField()),
    ).values_list("pattern", "provider", "served_model", "team_id", "user_id", "nameless_key_id", "utc_day", "is_last")


def _rate(
    pattern: str,
    provider: str,
    model: str,
    votes_of_day: int,
    votes_before: int,
    first_day: int | None,
    top: int,
    top_before: int,
    *,
    day: datetime,
) -> VoteRate:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return VoteRate(
        pattern=pattern,
        full_name=f"{provider}/{model}",
        votes=int(votes_of_day),
        votes_before=int(votes_before),
        days_of_history=0 if first_day is None else (day - epoch).days - first_day,
        top_share=float(top / votes_of_day),
        top_share_before=float(top_before / votes_before) if votes_before else 0.0,
    )
