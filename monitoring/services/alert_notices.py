"""What apps have recorded for people to know. They write rows of their own; here those are found and told of.

So no app needs to know of alerts, and nothing is lost while no worker runs. What is older than a day is no news.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from experiments.models import ExperimentNotice
from insights.models import LearningMetric
from learning.models import LearningAlert
from monitoring.domain.alerting import Severity
from monitoring.models import Alert
from routing.models import PolicyActivation

NEWS = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be told once; ``key`` is the same whenever it is read, None for one that nobody reads again."""

    kind: str
    title: str
    message: str
    severity: Severity
    details: dict[str, Any] = field(default_factory=dict)
    key: str | None = None


def unheard(*, now: datetime) -> list[Notice]:
    """Return what was recorded within a day and not told of yet, the oldest of each kind first."""
    since = now - NEWS
    found = [*_learning(since), *_activations(since), *_experiments(since), *_thresholds(since)]
    known = set(Alert.objects.filter(key__in=[notice.key for notice in found]).values_list("key", flat=True))
    return [notice for notice in found if notice.key not in known]


def _learning(since: datetime) -> Iterator[Notice]:
    for alert in LearningAlert.objects.filter(raised_at__gte=since).order_by("id"):
        yield Notice(
            kind="learning-alert",
            title=alert.get_kind_display().capitalize(),
            message=alert.message,
            severity=Severity.WARNING,
            details={"learning_alert": alert.id, "pattern": alert.pattern},
            key=f"learning-alert:{alert.id}",
        )


def _activations(since: datetime) -> Iterator[Notice]:
    for activation in PolicyActivation.objects.filter(activated_at__gte=since).order_by("id"):
        version = activation.policy_id
        yield Notice(
            kind="policy",
            title=f"Policy {version} routes now" if version else "The complexity strategy routes now",
            message=f"{activation.get_kind_display().capitalize()} by {activation.actor}: {activation.reason}",
            severity=Severity.INFO,
            details={"policy": version},
            key=f"policy:{activation.id}",
        )


def _experiments(since: datetime) -> Iterator[Notice]:
    rows = ExperimentNotice.objects.filter(created_at__gte=since).select_related("experiment").order_by("id")
    for told in rows:
        yield Notice(
            kind="experiment",
            title=f"Experiment {told.experiment.name}: {told.get_kind_display()}"[:200],
            message=told.message,
            severity=Severity.INFO,
            details={"experiment": told.experiment_id, "kind": told.kind},
            key=f"experiment:{told.id}",
        )


def _thresholds(since: datetime) -> Iterable[Notice]:
    """Yield each change of a team's confidence threshold against its week before."""
    weekly = LearningMetric.objects.filter(kind=LearningMetric.Kind.THRESHOLD, value__isnull=False)
    for row in weekly.filter(computed_at__gte=since).select_related("team").order_by("id"):
        before = weekly.filter(team=row.team_id, period__lt=row.period).order_by("-period").first()
        if before is None or before.value == row.value:
            continue
        yield Notice(
            kind="threshold-change",
            title=f"Confidence threshold of {row.team.slug} changed",
            message=f"Suggestions need a confidence of {row.value:.2f} now; it was {before.value:.2f}.",
            severity=Severity.INFO,
            details={"team": row.team.slug, "from": before.value, "to": row.value},
            key=f"threshold:{row.team_id}:{row.period}:{row.value:.4f}",
        )
