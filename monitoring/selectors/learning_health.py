"""Whether what learns does its work: each component is asked for something that it could not answer if it did not."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.db.models import Max

from accounts.domain.features import Feature
from accounts.models import Team
from accounts.services import features
from feedback.models import ResponseFeedback
from insights.models import Finding, LearningMetric, Review
from insights.selectors import suggestions
from jobs.models import Pulse
from learning.models import RetrainingRun
from monitoring.domain.alerting import Reading
from monitoring.selectors.measures import counted, learning
from routing.models import LedgerEntry

logger = logging.getLogger(__name__)

ComponentState = Literal["ok", "disabled", "stale", "failing"]
STALE_THRESHOLDS_HOURS = 24
# Reviews are made every day, retrainings every week: so long after the last one something is wrong.
REVIEW_DUE = timedelta(days=2)
_ENDED = (Review.State.SUCCEEDED, Review.State.FAILED)
RETRAINING_DUE = timedelta(days=8)
_HIT_RATE_WINDOW = timedelta(hours=1)
_COLLECTING = ("feedback.tasks.link_pending", "feedback.tasks.add_up_ratings")


@dataclass(frozen=True, slots=True)
class LearningMetrics:
    """``cache_hit_rate`` is of the last hour; None where nothing was looked up, or never updated."""

    feedback_queue_size: int
    last_learning_update: datetime | None
    confidence_threshold_stale: bool
    cache_hit_rate: float | None


@dataclass(frozen=True, slots=True)
class LearningHealth:
    """``unhealthy``: none of the components that are switched on works."""

    status: Literal["healthy", "degraded", "unhealthy"]
    components: Mapping[str, ComponentState]
    metrics: LearningMetrics


def check(now: datetime) -> LearningHealth:
    """Ask every component; raises DatabaseError where the database itself cannot be asked."""
    states = {name: _asked(name, ask, now) for name, ask in _COMPONENTS.items()}
    switched_on = [state for state in states.values() if state != "disabled"]
    has_trouble = any(state != "ok" for state in switched_on)
    is_useless = bool(switched_on) and all(state == "failing" for state in switched_on)
    return LearningHealth(
        "unhealthy" if is_useless else "degraded" if has_trouble else "healthy", states, _metrics(now)
    )


def _asked(name: str, ask: Callable[[datetime], ComponentState], now: datetime) -> ComponentState:
    try:
        return ask(now)
    except Exception as error:
        logger.warning("The check of %s failed: %s", name, type(error).__name__)
        return "failing"


def _feedback_collector(_now: datetime) -> ComponentState:
    ResponseFeedback.objects.order_by("-id").values("id").first()
    return "failing" if Pulse.objects.filter(name__in=_COLLECTING, is_failing=True).exists() else "ok"


def _learning_engine(now: datetime) -> ComponentState:
    if not features.is_enabled(Feature.LEARNED_ROUTING):
        return "disabled"
    ended = RetrainingRun.objects.exclude(state=RetrainingRun.State.RUNNING).order_by("-started_at")
    last = ended.values("state", "started_at").first()
    if last is None:
        return "ok"
    if last["state"] == RetrainingRun.State.FAILED:
        return "failing"
    is_due = features.is_enabled(Feature.AUTO_RETRAIN) and now - last["started_at"] > RETRAINING_DUE
    return "stale" if is_due and ResponseFeedback.objects.filter(created_at__gte=last["started_at"]).exists() else "ok"


def _ranking_engine(now: datetime) -> ComponentState:
    if not features.is_enabled(Feature.RANKING):
        return "disabled"
    team = Team.objects.filter(id__in=Finding.objects.filter(status=Finding.Status.OPEN).values("team")).first()
    if team is not None:
        suggestions.order(team, now=now)
    return "ok"


def _insights_engine(now: datetime) -> ComponentState:
    if not (features.is_enabled(Feature.INSIGHTS) and features.is_enabled(Feature.COST_REVIEW)):
        return "disabled"
    last = Review.objects.filter(state__in=_ENDED).values("state", "started_at").first()
    if last is not None and last["state"] == Review.State.FAILED:
        return "failing"
    if last is not None and now - last["started_at"] <= REVIEW_DUE:
        return "ok"
    oldest = LedgerEntry.objects.order_by("created_at").values_list("created_at", flat=True).first()
    return "stale" if oldest is not None and now - oldest > REVIEW_DUE else "ok"


def _metrics(now: datetime) -> LearningMetrics:
    updates = [
        LearningMetric.objects.aggregate(last=Max("computed_at"))["last"],
        RetrainingRun.objects.filter(state=RetrainingRun.State.SUCCEEDED).aggregate(last=Max("finished_at"))["last"],
    ]
    hours = _value(learning.thresholds_age(now, now))
    return LearningMetrics(
        feedback_queue_size=int(_value(learning.backlog(now, now)) or 0),
        last_learning_update=max((moment for moment in updates if moment), default=None),
        confidence_threshold_stale=hours is not None and hours > STALE_THRESHOLDS_HOURS,
        cache_hit_rate=_value(counted.insights_cache(now - _HIT_RATE_WINDOW, now)),
    )


def _value(readings: list[Reading]) -> float | None:
    return readings[0].value if readings else None


_COMPONENTS: Mapping[str, Callable[[datetime], ComponentState]] = {
    "feedback_collector": _feedback_collector,
    "learning_engine": _learning_engine,
    "ranking_engine": _ranking_engine,
    "insights_engine": _insights_engine,
}
