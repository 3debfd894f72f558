"""Ratings added up, from the tallies of whole days, and one by one where those are missing or out of date."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict

from django.db.models import Count, Max, Min, Q, QuerySet, Sum

from accounts.models import Team
from feedback.models import ChangedFeedbackDay, FeedbackTally, ResponseFeedback
from routing.domain import time_ranges
from routing.domain.time_ranges import DAY, Range
from routing.selectors.traffic import in_ranges
from routing.selectors.usage import BEGINNING, END

_LABELS = ("linked", "pattern", "provider", "served_model")


class Group(TypedDict):
    """Ratings that are alike in all but what they say."""

    linked: bool
    pattern: str | None
    provider: str | None
    served_model: str | None
    count: int
    stars: int
    judged: int
    correct: int


def groups(team: Team | None, *, since: datetime | None = None, until: datetime | None = None) -> list[Group]:
    """Return the ratings of a period of whole UTC days, of a team or of all for None; parts of a group may be apart."""
    since, until = time_ranges.floor(since or BEGINNING, DAY), time_ranges.ceiling(until or END, DAY)
    changed = ChangedFeedbackDay.objects.filter(period__gte=since, period__lt=until)
    one_by_one = time_ranges.joined(set(changed.values_list("period", flat=True)), DAY)
    added_up = time_ranges.without([(since, until)] if since < until else [], one_by_one)
    of_team = Q() if team is None else Q(team=team)
    found: list[Any] = []
    if added_up:
        tallies = FeedbackTally.objects.filter(of_team, in_ranges("starts_at", added_up)).order_by()
        sums = {f"sum_{name}": Sum(name) for name in ("count", "stars", "judged", "correct")}
        found += [_named(sums) for sums in tallies.values(*_LABELS).annotate(**sums)]
    if one_by_one:
        found += of_ratings(one_by_one, of_team=of_team)
    return found


def of_ratings(ranges: Sequence[Range], *by: str, of_team: Q | None = None) -> QuerySet[ResponseFeedback, Any]:
    """Add up the ratings themselves, in one query, by the labels of a group and by other columns."""
    ratings = ResponseFeedback.objects.order_by().filter(of_team or Q(), in_ranges("created_at", ranges))
    found: QuerySet[ResponseFeedback, Any] = ratings.values(*by, *_LABELS).annotate(
        count=Count("id"),
        stars=Sum("quality_score"),
        judged=Count("is_correct"),
        correct=Count("id", filter=Q(is_correct=True)),
    )
    return found


def days() -> list[datetime]:
    """Return every UTC day from that of the first rating to that of the last."""
    ends = ResponseFeedback.objects.aggregate(first=Min("created_at"), last=Max("created_at"))
    if ends["first"] is None:
        return []
    first, last = (time_ranges.floor(ends[name], DAY) for name in ("first", "last"))
    return [first + DAY * number for number in range((last - first).days + 1)]


def _named(sums: Any) -> dict[str, Any]:
    # PostgreSQL adds up 64-bit integers to a numeric, which arrives as a Decimal.
    return {name.removeprefix("sum_"): int(value) if name.startswith("sum_") else value for name, value in sums.items()}
