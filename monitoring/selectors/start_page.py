"""The figures of the day on the admin's start page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from feedback.selectors import summary
from feedback.selectors.summary import FeedbackSummary
from monitoring.selectors import attention, dashboard
from monitoring.selectors.attention import Concern
from routing.domain.latency_histogram import Percentiles
from routing.domain.traffic import Dimension, Traffic
from routing.models import PolicyActivation
from routing.selectors import policies, usage


@dataclass(frozen=True, slots=True)
class StartPage:
    """All teams together: today since midnight UTC, and yesterday until the same time of day to compare with.

    ``baselines`` are the models that today's savings are counted against, the most used first.
    """

    today: Traffic
    yesterday: Traffic
    latency: Percentiles
    baselines: Sequence[str]
    ratings: FeedbackSummary
    policy: PolicyActivation | None
    concerns: Sequence[Concern]
    is_empty: bool


def start_page(now: datetime) -> StartPage:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today = usage.window(team_id=None, since=midnight, until=now)
    parts = usage.breakdowns(today, Dimension.TOTAL, Dimension.BASELINE_MODEL)
    totals = parts[Dimension.TOTAL].get((), Traffic())
    day = timedelta(days=1)
    return StartPage(
        today=totals,
        yesterday=usage.totals(usage.window(team_id=None, since=midnight - day, until=now - day)),
        latency=usage.latency(today),
        baselines=[str(labels[0]) for labels in parts[Dimension.BASELINE_MODEL] if labels[0] is not None],
        ratings=summary.summary(None, since=midnight, until=now),
        policy=policies.history(None).first(),
        concerns=attention.concerns(now),
        is_empty=totals.requests == 0 and not dashboard.has_requests(None),
    )
