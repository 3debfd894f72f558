"""The ratings that count, summed up by pattern and model in the database, in one question."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When

from accounts.models import Team
from feedback.models import ResponseFeedback
from feedback.selectors import votes
from learning.domain import aging
from learning.domain.evidence import MICRO, MIN_ROWS, Evidence, Regulars

# Two groupings, one inside the other: first by person, then by model. Every figure is a whole number, so that sums do
# not depend on the order of the rows. Unnamed ratings of one key stand together as one person, but are a voice each.
_SUMS = """
WITH votes (
    pattern, provider, model, team_id, user_id, nameless_key_id, stars, is_correct, weight, cost, is_new_price
) AS ({votes}),
people AS (
    SELECT pattern, provider, model, user_id,
        COUNT(*) AS ratings,
        SUM(stars) AS stars,
        SUM(stars * stars) AS squares,
        COUNT(CASE WHEN is_correct THEN 1 END) AS correct,
        COUNT(is_correct) AS judged,
        SUM(weight * stars) AS weighted,
        SUM(weight) AS weight,
        MAX(weight) AS newest,
        COUNT(cost) AS costs,
        COALESCE(SUM(cost), 0) AS cost,
        COUNT(CASE WHEN is_new_price = 1 THEN cost END) AS new_costs,
        COALESCE(SUM(CASE WHEN is_new_price = 1 THEN cost END), 0) AS new_cost
    FROM votes
    GROUP BY pattern, provider, model, team_id, user_id, nameless_key_id
)
SELECT pattern, provider, model, SUM(ratings), SUM(stars), SUM(squares), SUM(correct), SUM(judged), COUNT(*),
    SUM(CASE WHEN user_id IS NULL THEN {micro} * weighted ELSE newest * ({micro} * weighted / weight) END),
    SUM(CASE WHEN user_id IS NULL THEN weight ELSE newest END),
    SUM(weighted), SUM(weight),
    SUM(costs), SUM(cost), SUM(new_costs), SUM(new_cost),
    {regulars}
FROM people
GROUP BY pattern, provider, model
HAVING SUM(ratings) >= {min_rows}
ORDER BY pattern, provider, model
"""

# In the order of the question.
_FIGURES = (
    *("sample_count", "star_sum", "star_square_sum", "correct_count", "judged_count", "distinct_users", "voice_sum"),
    *("voice_weight", "aged_star_sum", "aged_weight"),
    *("cost_count", "cost_nano_usd", "new_price_count", "new_price_nano_usd"),
)
# In the order of the fields of ``Regulars``.
_REGULARS = ", ".join(
    f"COALESCE(SUM(CASE WHEN user_id IS NOT NULL AND ratings > 1 THEN {figure} END), 0)"
    for figure in ("1", "ratings", "ratings * ratings", "stars", "squares", f"{MICRO} * stars * stars / ratings")
)


@dataclass(frozen=True, slots=True)
class ModelChange:
    """Since when a model has had its price, or has been what it is; each None where that is before the window."""

    provider: str
    name: str
    price_since: datetime | None = None
    version_since: datetime | None = None


def gather(
    *, team: Team | None, since: datetime, until: datetime, changes: Iterable[ModelChange] = ()
) -> tuple[Evidence, ...]:
    """Sum up the ratings given in [``since``, ``until``), by pattern, provider and model.

    Memory does not grow with the number of ratings: the database returns one row for each pattern and model.

    Args:
        team: Whose ratings; None for the teams that learn together.
        changes: Ratings of answers older than a model's version are left out; costs older than its price are counted
            apart from those at the new one.
    """
    rows = _votes(team, since, until, tuple(changes))
    sql, parameters = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_SUMS.format(votes=sql, micro=MICRO, min_rows=MIN_ROWS, regulars=_REGULARS), parameters)
        return tuple(_evidence(*row[:3], *map(int, row[3:])) for row in cursor.fetchall())


def _evidence(pattern: str, provider: str, model: str, *sums: int) -> Evidence:
    figures: dict[str, Any] = dict(zip(_FIGURES, sums, strict=False))
    regulars = Regulars(*sums[len(_FIGURES) :])
    return Evidence(pattern=pattern, provider=provider, model=model, regulars=regulars, **figures)


def _votes(
    team: Team | None, since: datetime, until: datetime, changes: tuple[ModelChange, ...]
) -> QuerySet[ResponseFeedback, Any]:
    counted = votes.countable(team=team, since=since, until=until)
    for change in changes:
        if change.version_since is not None:
            counted = counted.exclude(
                provider=change.provider, served_model=change.name, requested_at__lt=change.version_since
            )
    return counted.annotate(
        nameless_key_id=Case(When(user_id__isnull=True, then=F("api_key_id"))),
        weight=_weight(until),
        # An answer from the cache cost nothing, which says nothing of its model.
        cost=Case(When(is_cache_hit=False, then=F("cost_nano_usd"))),
        is_new_price=_is_new_price(changes),
    ).values_list(
        "pattern",
        "provider",
        "served_model",
        "team_id",
        "user_id",
        "nameless_key_id",
        "quality_score",
        "is_correct",
        "weight",
        "cost",
        "is_new_price",
    )


def _weight(until: datetime) -> Case:
    return Case(
        *(When(created_at__gt=until - age, then=Value(weight)) for age, weight in aging.steps()),
        default=Value(aging.OLDEST),
        output_field=IntegerField(),
    )


def _is_new_price(changes: tuple[ModelChange, ...]) -> Case | Value:
    old = [
        Q(provider=change.provider, served_model=change.name, requested_at__lt=change.price_since)
        for change in changes
        if change.price_since is not None
    ]
    if not old:
        return Value(1)
    return Case(*(When(before, then=Value(0)) for before in old), default=Value(1), output_field=IntegerField())
