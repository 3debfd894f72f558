"""What has happened that people should know of, and what needs their attention, read from where it was recorded.

Nothing announces an event: each is a row that its own app has written anyway, so none is lost with a process or a
Redis.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from django.db.models import Q

from accounts import selectors as accounts
from accounts.models import Team
from experiments.models import ExperimentNotice
from learning.models import LearningAlert
from monitoring.domain.measures import Measure
from monitoring.models import Alert
from routing.domain.pricing import from_nano_usd
from routing.models import LedgerEntry, PolicyActivation

Severity = Literal["info", "good", "warning", "critical"]

REMEMBERED = timedelta(days=7)
FAILOVERS_REMEMBERED = timedelta(minutes=10)
EACH = 5
BUDGET_WARNING = Decimal("0.8")


@dataclass(frozen=True, slots=True)
class Notice:
    """``id`` is the same whenever the notice is read; ``at`` is None for a state that lasts."""

    id: str
    kind: str
    severity: Severity
    title: str
    text: str
    at: datetime | None
    team: str | None = None


def current(team: Team | None, *, now: datetime) -> list[Notice]:
    """Return the notices of a team, or of all for None: what lasts first, then the newest."""
    found = [
        *(firing() if team is None else ()),
        *budgets(team, now),
        *_alerts(team),
        *_activations(team, now),
        *_experiments(team, now),
        *_failovers(team, now),
    ]
    return sorted(found, key=lambda notice: (notice.at is not None, -(notice.at or now).timestamp()))


def firing() -> Iterable[Notice]:
    """Return the alerts of rules that fire, for staff; budgets have notices of their own."""
    alerts = Alert.objects.filter(state=Alert.State.FIRING).exclude(rule__measure=Measure.BUDGET.value)
    for alert in alerts[:EACH]:
        yield Notice(
            id=f"rule:{alert.id}",
            kind="alert",
            severity="critical" if alert.severity == "critical" else "warning",
            title=f"{alert.title} ({alert.subject})" if alert.subject else alert.title,
            text=alert.message,
            at=None,
        )


def budgets(team: Team | None, now: datetime) -> Iterable[Notice]:
    """Return the budgets of a team, or of all for None, of which ``BUDGET_WARNING`` or more is used."""
    for budget in accounts.budget_statuses(team, now.date()):
        # What went past the limit is spent as well, and in the sum.
        used = budget.spent_nano_usd
        if not budget.limit_nano_usd or Decimal(used) / budget.limit_nano_usd < BUDGET_WARNING:
            continue
        share = Decimal(used) / budget.limit_nano_usd
        is_spent = share >= 1
        whose = f"key {budget.api_key_prefix}… of {budget.team_slug}" if budget.api_key_prefix else budget.team_slug
        yield Notice(
            id=f"budget:{budget.budget_id}:{budget.period_start}:{'spent' if is_spent else 'warning'}",
            kind="budget",
            severity="critical" if is_spent and budget.is_hard else "warning",
            title=f"Budget of {whose} {'is spent' if is_spent else 'is nearly spent'}",
            text=f"{share:.0%} of {from_nano_usd(budget.limit_nano_usd):,.2f} USD for this {budget.period} is used.",
            at=None,
            team=budget.team_slug,
        )


def _alerts(team: Team | None) -> Iterable[Notice]:
    rows = LearningAlert.objects.filter(resolved_at=None).select_related("team")
    if team is not None:
        rows = rows.filter(Q(team=team) | Q(team=None))
    for alert in rows[:EACH]:
        yield Notice(
            id=f"alert:{alert.id}",
            kind="alert",
            severity="warning",
            title=alert.get_kind_display().capitalize(),
            text=alert.message,
            at=alert.raised_at,
            team=alert.team.slug if alert.team else None,
        )


def _activations(team: Team | None, now: datetime) -> Iterable[Notice]:
    rows = PolicyActivation.objects.filter(activated_at__gte=now - REMEMBERED).select_related("team")
    if team is not None:
        rows = rows.filter(team=team if team.learns_alone else None)
    for activation in rows[:EACH]:
        version = activation.policy_id
        yield Notice(
            id=f"policy:{activation.id}",
            kind="policy",
            severity="good" if activation.kind == PolicyActivation.Kind.PROMOTION else "info",
            title=f"Policy {version} routes now" if version else "The complexity strategy routes now",
            text=f"{activation.get_kind_display().capitalize()} by {activation.actor}: {activation.reason}",
            at=activation.activated_at,
            team=activation.team.slug if activation.team else None,
        )


def _experiments(team: Team | None, now: datetime) -> Iterable[Notice]:
    rows = ExperimentNotice.objects.filter(created_at__gte=now - REMEMBERED).select_related("experiment__team")
    if team is not None:
        rows = rows.filter(Q(experiment__team=team) | Q(experiment__team=None))
    for told in rows[:EACH]:
        owner = told.experiment.team
        yield Notice(
            id=f"experiment:{told.id}",
            kind="experiment",
            severity="good" if told.kind == ExperimentNotice.Kind.PROMOTED else "info",
            title=f"Experiment {told.experiment.name}: {told.get_kind_display()}",
            text=told.message,
            at=told.created_at,
            team=owner.slug if owner else None,
        )


def _failovers(team: Team | None, now: datetime) -> Iterable[Notice]:
    rows = LedgerEntry.objects.filter(created_at__gte=now - FAILOVERS_REMEMBERED, is_fallback=True)
    rows = rows.select_related("team").only("created_at", "attempts", "provider", "served_model", "team__slug")
    if team is not None:
        rows = rows.filter(team=team)
    for row in rows.order_by("-created_at")[:EACH]:
        first = row.attempts[0] if row.attempts else {}
        yield Notice(
            id=f"failover:{row.request_id}",
            kind="failover",
            severity="warning",
            title=f"Failover to {row.provider}/{row.served_model}",
            text=f"{first.get('provider', '?')}/{first.get('model', '?')} did not answer a request of {row.team.slug}.",
            at=row.created_at,
            team=row.team.slug,
        )
