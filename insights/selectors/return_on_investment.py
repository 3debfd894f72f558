"""What the product brought a team against what it cost, measured where it can be and stated where not."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Q, Sum

from accounts.models import Team
from accounts.services import telemetry
from insights.domain import roi
from insights.domain.finding import ActionKind
from insights.domain.realized_saving import RealizedSaving
from insights.domain.roi import Assumptions, Followed, Inputs, Roi
from insights.models import AppliedAction, SuggestionFeedback
from learning.models import Calibration
from routing.selectors import usage

# The ledger's savings against the baseline hold what these save: other models, experiments, answers from the cache.
_IN_ROUTING_SAVINGS = frozenset(
    {
        ActionKind.ROUTE_PATTERN,
        ActionKind.EXCLUDE_MODEL,
        ActionKind.START_EXPERIMENT,
        ActionKind.COMPLETE_EXPERIMENT,
        ActionKind.ENABLE_RESPONSE_CACHE,
    }
)
_SPREAD = "Savings of an action that is older than these days are spread evenly over its time."
_NOT_MEASURED = "What has not been measured yet counts as nothing."
_SECOND = timedelta(seconds=1)


def of_team(team: Team, *, days: int, assumptions: Assumptions, now: datetime) -> Roi:
    """Weigh the ``days`` times 24 hours up to now."""
    since = now - timedelta(days=days)
    with telemetry.timed("roi_calculation_duration_seconds"):
        return roi.compute(_inputs(team, days, since, now), assumptions)


def _inputs(team: Team, days: int, since: datetime, now: datetime) -> Inputs:
    traffic = usage.totals(usage.window(team_id=team.id, since=since, until=now))
    answers = SuggestionFeedback.objects.filter(team=team, created_at__gte=since, created_at__lt=now).aggregate(
        answered=Count("finding_id", distinct=True),
        by_hand=Count("finding_id", distinct=True, filter=Q(verdict="accepted", has_action=False)),
    )
    spent = Calibration.objects.filter(team=team, created_at__gte=since, created_at__lt=now)
    return Inputs(
        days=days,
        spend_nano_usd=traffic.cost_nano_usd,
        routing_savings_nano_usd=traffic.savings_nano_usd,
        learning_nano_usd=int(spent.aggregate(spent=Sum("spent_nano_usd", default=0))["spent"]),
        answers=answers["answered"],
        changes_by_hand=answers["by_hand"],
        followed=tuple(_followed(team, since, now)),
    )


def _followed(team: Team, since: datetime, now: datetime) -> Iterator[Followed]:
    actions = AppliedAction.objects.filter(Q(reverted_at__isnull=True) | Q(reverted_at__gt=since), team=team)
    for action in actions.filter(applied_at__lt=now):
        # By its own id: a finding whose action was taken back and applied again has saved twice.
        yield Followed(f"{action.id}", _saving(action, since), action.kind in _IN_ROUTING_SAVINGS)


def _saving(action: AppliedAction, since: datetime) -> RealizedSaving:
    if action.realized_nano_usd is None or action.measured_at is None:
        return RealizedSaving(None, action.is_compared, action.assumption or _NOT_MEASURED)
    if action.applied_at >= since:
        return RealizedSaving(action.realized_nano_usd, action.is_compared, action.assumption)
    measured_until = action.measured_at if action.reverted_at is None else min(action.measured_at, action.reverted_at)
    inside = max(measured_until - since, timedelta(0)) // _SECOND
    whole = max((measured_until - action.applied_at) // _SECOND, 1)
    amount = action.realized_nano_usd * inside // whole
    return RealizedSaving(amount, action.is_compared, f"{action.assumption} {_SPREAD}".strip())
