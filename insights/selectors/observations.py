"""Gathers what the detectors look at: a bounded number of queries, however much traffic there is."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Count, F, Q, Sum

from accounts.models import Team
from feedback.selectors import votes
from insights.domain.observations import LatencyChange, ModelDay, Observations, Ratings
from insights.domain.repeats import SUGGESTED_LIFETIME
from insights.selectors import ledger_window, offers, repeated_prompts, running_experiments
from insights.selectors.ledger_window import Period
from routing.domain.traffic import Dimension, Labels
from routing.selectors import usage
from routing.selectors.usage import Window

RATINGS_COUNT_FOR = timedelta(days=90)
_HISTORY = timedelta(days=28)
_DAY = timedelta(days=1)


def gather(team: Team, starts_on: date, ends_before: date) -> Observations:
    """Return all that is known of a team for a review of the days from ``starts_on`` until before ``ends_before``.

    Nothing of any other team is in it: neither traffic, nor ratings, nor experiments.
    """
    since, until = _midnight(starts_on), _midnight(ends_before)
    period = Period(team.id, since, until)
    stand_ins = offers.stand_ins()
    answered = ledger_window.answered(period)
    lifetime = timedelta(seconds=team.cache_ttl_seconds) if team.cache_ttl_seconds else SUGGESTED_LIFETIME
    return Observations(
        starts_on,
        ends_before,
        traffic=answered.traffic,
        days=tuple(_days(team, since, until, stand_ins)),
        first_choices=ledger_window.first_choices(period, answered.direct_requests),
        latencies=tuple(_latencies(team, since, until, stand_ins)),
        ratings=tuple(_ratings(team, until)),
        offered=offers.offered(team, until),
        repeated_prompts=repeated_prompts.repeated(period, lifetime),
        token_limits=ledger_window.token_limits(period),
        experiments=running_experiments.running(team),
        overrides=offers.overridden(team),
        is_cache_on=team.cache_ttl_seconds is not None,
    )


def _days(team: Team, since: datetime, until: datetime, stand_ins: frozenset[str]) -> Iterator[ModelDay]:
    period = usage.window(team_id=team.id, since=since - _HISTORY, until=until)
    for point in usage.series(period, step=_DAY, by=Dimension.MODEL):
        provider, model = point.labels
        if model is not None and provider not in stand_ins:
            day, traffic = point.starts_at.date(), point.traffic
            yield ModelDay(day, f"{provider}/{model}", traffic.requests, traffic.cost_nano_usd)


def _latencies(team: Team, since: datetime, until: datetime, stand_ins: frozenset[str]) -> Iterator[LatencyChange]:
    now = _timed(usage.window(team_id=team.id, since=since, until=until))
    before = _timed(usage.window(team_id=team.id, since=since - (until - since), until=since))
    for labels, (p95, requests) in now.items():
        provider, model = labels
        if model is not None and provider not in stand_ins:
            p95_before, requests_before = before.get(labels, (0.0, 0))
            yield LatencyChange(f"{provider}/{model}", requests, p95, requests_before, p95_before)


def _timed(period: Window) -> dict[Labels, tuple[float, int]]:
    """Return the 95th percentile in milliseconds and the requests answered in full, by provider and model."""
    answered = usage.breakdown(period, Dimension.MODEL)
    return {
        labels: (found.p95, answered[labels].succeeded)
        for labels, found in usage.latency_by(period, Dimension.MODEL).items()
        if found.p95 is not None and labels in answered
    }


def _ratings(team: Team, until: datetime) -> Iterator[Ratings]:
    groups = (
        votes.countable(team=team, since=until - RATINGS_COUNT_FOR, until=until)
        .values("provider", "served_model", "pattern")
        .annotate(
            ratings=Count("id"),
            stars=Sum("quality_score"),
            squares=Sum(F("quality_score") * F("quality_score")),
            judged=Count("is_correct"),
            correct=Count("id", filter=Q(is_correct=True)),
        )
    )
    for group in groups:
        yield Ratings(
            f"{group['provider']}/{group['served_model']}",
            str(group["pattern"]),
            group["ratings"],
            int(group["stars"]),
            int(group["squares"]),
            group["judged"],
            group["correct"],
        )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
