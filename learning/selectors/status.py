"""What learning has come to, in figures."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Avg, Count

from accounts.models import Team
from accounts.selectors import in_scope
from feedback.models import ResponseFeedback
from learning.domain.confidence import LEVELS
from learning.models import LearningAlert, ModelPerformance, RetrainingRun
from learning.selectors import overrides, schedule
from routing.domain.traffic import Dimension
from routing.selectors import policies, usage

SEEN_DAYS = 30
RATING_DAYS = 7
TARGET_RATINGS_PER_DAY = 10
TARGET_QUALITY = 3.5
TARGET_COVERAGE = (0.20, 0.40)


@dataclass(frozen=True, slots=True)
class Target:
    """A figure to reach; ``current`` is None while nothing is known of it."""

    target: str
    current: float | None
    is_met: bool


@dataclass(frozen=True, slots=True)
class LearningStatus:
    """The state of one policy's learning. Shares lie in [0, 1]; ``patterns_seen`` are those of the last 30 days."""

    last_run: RetrainingRun | None
    next_scheduled_run: datetime | None
    confidence_distribution: dict[str, int]
    patterns_seen: int
    overrides: int
    pattern_coverage: float
    traffic_coverage: float
    targets: dict[str, Target]
    policy_version: int | None
    alerts: list[LearningAlert]
    frozen_patterns: list[str]

    @property
    def last_retrained_at(self) -> datetime | None:
        return self.last_run.started_at if self.last_run else None


def status(team: Team | None, *, now: datetime) -> LearningStatus:
    """Return how learning stands for a team that learns alone, or None for those that learn together."""
    last = last_run(team)
    in_force = overrides.in_force(team)
    seen = _requests_by_pattern(team, now)
    covered = {pattern: count for pattern, count in seen.items() if pattern in in_force}
    coverage = _share(len(covered), len(seen))
    alerts = list(LearningAlert.objects.filter(team=team, resolved_at=None))
    active = policies.active(team)
    return LearningStatus(
        last_run=last,
        next_scheduled_run=schedule.next_retraining(now=now),
        confidence_distribution=_levels(last),
        patterns_seen=len(seen),
        overrides=len(in_force),
        pattern_coverage=coverage,
        traffic_coverage=_share(sum(covered.values()), sum(seen.values())),
        targets=_targets(team, coverage if seen else None, now),
        policy_version=active.version if active else None,
        alerts=alerts,
        frozen_patterns=sorted({alert.pattern for alert in alerts if alert.kind in LearningAlert.FREEZING}),
    )


def last_run(team: Team | None) -> RetrainingRun | None:
    """Return the newest run that ended well."""
    succeeded = RetrainingRun.objects.filter(team=team, state=RetrainingRun.State.SUCCEEDED)
    return succeeded.order_by("-started_at").first()


def _levels(run: RetrainingRun | None) -> dict[str, int]:
    counts = dict.fromkeys(reversed(LEVELS), 0)
    if run is not None:
        rows = ModelPerformance.objects.filter(run=run).values("confidence_level").annotate(count=Count("id"))
        counts |= {row["confidence_level"]: row["count"] for row in rows.order_by()}
    return counts


def _requests_by_pattern(team: Team | None, now: datetime) -> dict[str, int]:
    """Return how many requests each pattern had; those that learn together are all but those that learn alone."""
    if team is not None:
        return dict(_pattern_counts(team.pk, now))
    shared = _pattern_counts(None, now)
    for alone in Team.objects.filter(learns_alone=True).values_list("pk", flat=True):
        shared.subtract(_pattern_counts(alone, now))
    return {pattern: count for pattern, count in shared.items() if count > 0}


def _pattern_counts(team_id: int | None, now: datetime) -> Counter[str]:
    window = usage.window(team_id=team_id, since=now - timedelta(days=SEEN_DAYS), until=now)
    found = usage.breakdown(window, Dimension.PATTERN)
    return Counter({str(labels[0]): traffic.requests for labels, traffic in found.items()})


def _targets(team: Team | None, coverage: float | None, now: datetime) -> dict[str, Target]:
    rated = ResponseFeedback.objects.filter(
        in_scope(team), created_at__gte=now - timedelta(days=RATING_DAYS), created_at__lte=now
    ).aggregate(count=Count("id"), quality=Avg("quality_score"))
    per_day = rated["count"] / RATING_DAYS
    quality = None if rated["quality"] is None else float(rated["quality"])
    low, high = TARGET_COVERAGE
    return {
        "feedback_per_day": Target(f"{TARGET_RATINGS_PER_DAY} or more", per_day, per_day >= TARGET_RATINGS_PER_DAY),
        "average_quality": Target(
            f"{TARGET_QUALITY:g} or more", quality, quality is not None and quality >= TARGET_QUALITY
        ),
        "recommendation_coverage": Target(
            f"{low:.0%} to {high:.0%}", coverage, coverage is not None and low <= coverage <= high
        ),
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
