"""A team's ratings by day, from the tallies of whole days, and one by one where those are out of date."""

from datetime import UTC, date, datetime, timedelta

from django.db.models import Count, Sum

from accounts.models import Team
from feedback.models import ChangedFeedbackDay, FeedbackTally, ResponseFeedback
from feedback.selectors.votes import UtcDay
from insights.domain.trends import DayFigure
from routing.domain import time_ranges
from routing.domain.time_ranges import DAY
from routing.selectors.traffic import in_ranges

_EPOCH = date(1970, 1, 1)


def by_day(team: Team, since: datetime, until: datetime) -> list[DayFigure]:
    """Return the stars given on each UTC day and how many ratings gave them, in three queries.

    Args:
        since: Midnight UTC.
        until: Exclusive; the day it is in counts whole.
    """
    until = time_ranges.ceiling(until, DAY)
    changed = ChangedFeedbackDay.objects.filter(period__gte=since, period__lt=until)
    one_by_one = time_ranges.joined(set(changed.values_list("period", flat=True)), DAY)
    added_up = time_ranges.without([(since, until)], one_by_one)
    found = []
    if added_up:
        tallies = FeedbackTally.objects.filter(in_ranges("starts_at", added_up), team=team).order_by()
        days = tallies.values_list("starts_at").annotate(sum_stars=Sum("stars"), sum_count=Sum("count"))
        found += [DayFigure(at.astimezone(UTC).date(), int(stars), int(count)) for at, stars, count in days]
    if one_by_one:
        ratings = ResponseFeedback.objects.filter(in_ranges("created_at", one_by_one), team=team).order_by()
        counted = ratings.values_list(UtcDay("created_at")).annotate(stars=Sum("quality_score"), count=Count("id"))
        found += [DayFigure(_EPOCH + timedelta(days=day), int(stars), count) for day, stars, count in counted]
    return found
