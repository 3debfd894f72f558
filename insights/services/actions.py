"""Takes the action of a suggestion, shows it before, and takes it back."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from accounts.models import Team
from insights.domain.finding import ActionKind as Kind
from insights.models import AppliedAction, Finding
from insights.selectors import realized
from insights.services import invalidation
from insights.services.action_kinds.budget import SetBudget
from insights.services.action_kinds.experiment import CompleteExperiment, StartExperiment
from insights.services.action_kinds.kind import ActionKind, Cause, Change, NotApplicable
from insights.services.action_kinds.response_cache import EnableResponseCache
from insights.services.action_kinds.rules import RuleAction
from routing.domain.rule import Kind as RuleKind

__all__ = ["ActionNotFound", "Change", "NotApplicable", "apply", "find", "preview", "revert"]

KINDS: Mapping[Kind, ActionKind] = {
    Kind.ROUTE_PATTERN: RuleAction(RuleKind.ROUTE_PATTERN),
    Kind.EXCLUDE_MODEL: RuleAction(RuleKind.EXCLUDE_MODEL),
    Kind.CAP_MAX_TOKENS: RuleAction(RuleKind.CAP_MAX_TOKENS),
    Kind.ENABLE_RESPONSE_CACHE: EnableResponseCache(),
    Kind.START_EXPERIMENT: StartExperiment(),
    Kind.COMPLETE_EXPERIMENT: CompleteExperiment(),
    Kind.SET_BUDGET: SetBudget(),
}


class ActionNotFound(Exception):
    """There is no such applied action, or it is another team's."""


def preview(finding: Finding) -> Change:
    """Say what taking the finding's action would change; changes nothing.

    Raises:
        NotApplicable: It has no action, or that cannot be taken as things stand.
    """
    kind, parameters = _action(finding)
    return KINDS[kind].preview(finding.team, parameters)


def apply(finding: Finding, *, actor: str, now: datetime) -> AppliedAction:
    """Take the finding's action, and note how to take it back and what the traffic cost before.

    One that is in force already is returned as it is.

    Raises:
        NotApplicable: It has no action, or that cannot be taken as things stand; nothing has changed.
    """
    kind, parameters = _action(finding)
    with transaction.atomic():
        # Whoever applies the same finding at the same moment waits here.
        Finding.objects.select_for_update().get(id=finding.id)
        in_force = AppliedAction.objects.filter(finding=finding, reverted_at__isnull=True).first()
        if in_force is not None:
            return in_force
        cause = Cause(actor, f"Suggested: {finding.title}", now)
        # Before anything changes, since what is touched may follow from what was chosen so far.
        baseline = realized.baseline(finding.team_id, kind, parameters, now=now)
        applied = AppliedAction.objects.create(
            team_id=finding.team_id,
            finding=finding,
            kind=kind.value,
            parameters=dict(parameters),
            undo=KINDS[kind].apply(finding.team, parameters, cause),
            applied_at=now,
            applied_by=actor[:150],
            baseline=baseline,
        )
        invalidation.bump(finding.team_id)
    return applied


def revert(applied: AppliedAction, *, actor: str, now: datetime, reason: str = "") -> AppliedAction:
    """Take an action back; one that was taken back before stays as it is.

    What somebody has changed by hand since stays as they left it.

    Raises:
        NotApplicable: What was there before cannot come back; nothing has changed.
    """
    with transaction.atomic():
        locked = AppliedAction.objects.select_for_update(of=("self",)).select_related("team").get(id=applied.id)
        if locked.reverted_at is not None:
            return locked
        KINDS[Kind(locked.kind)].revert(locked.team, locked.undo, Cause(actor, reason or "Taken back.", now))
        locked.reverted_at, locked.reverted_by, locked.revert_reason = now, actor[:150], reason[:1000]
        locked.save(update_fields=("reverted_at", "reverted_by", "revert_reason"))
        invalidation.bump(locked.team_id)
    return locked


def find(action_id: int, team: Team | None) -> AppliedAction:
    """Return an action that was taken; ``team`` None is for staff.

    Raises:
        ActionNotFound: There is none of this number, or it is another team's.
    """
    rows = AppliedAction.objects.select_related("team", "finding")
    found = (rows if team is None else rows.filter(team=team)).filter(id=action_id).first()
    if found is None:
        raise ActionNotFound(f"There is no applied action {action_id}. GET /api/findings shows what was applied.")
    return found


def _action(finding: Finding) -> tuple[Kind, Mapping[str, object]]:
    if finding.action is None:
        raise NotApplicable("This suggestion has no action that the product could take by itself.")
    return Kind(finding.action["kind"]), finding.action["parameters"]
