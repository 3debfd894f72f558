"""What teams answer to suggestions: recorded once, and acted on where they want that."""

from dataclasses import dataclass
from datetime import datetime

import orjson
from django.db import IntegrityError, transaction

from accounts.models import Team
from accounts.services import encryption
from insights.domain.answers import Answer
from insights.models import AppliedAction, Finding, SuggestionFeedback
from insights.selectors.findings import FindingNotFound
from insights.services import actions, invalidation
from routing.services.idempotency import IdempotencyMismatch


class FindingClosed(Exception):
    """The finding is resolved or expired: there is nothing left to answer."""


class NothingToApply(Exception):
    """The suggestion is one that only people can follow."""


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as it was sent; ``apply`` asks for the suggestion's action, and comes with acceptance only."""

    verdict: Answer
    reason: str = ""
    apply: bool = False

    def __post_init__(self) -> None:
        if self.apply and self.verdict is not Answer.ACCEPTED:
            raise ValueError("Only an accepted suggestion can be applied.")


@dataclass(frozen=True, slots=True)
class Recorded:
    """The stored answer and its finding; ``applied`` is the action in force for it, ``is_replay``: stored before."""

    feedback: SuggestionFeedback
    finding: Finding
    applied: AppliedAction | None
    is_replay: bool


def answer(
    finding_id: int,
    team: Team | None,
    *,
    verdict: Answer,
    reason: str = "",
    apply: bool = False,
    actor: str,
    idempotency_key: str | None = None,
    now: datetime,
) -> Recorded:
    """Record what a team says to a suggestion, and apply its action where that is asked for, in one transaction.

    The same answer again is the answer that was stored before. A team may change its mind: the newest answer counts.
    What was applied stays in force until it is taken back.

    Args:
        team: Whose finding it must be; None for staff, who may answer for any team.

    Raises:
        FindingNotFound: There is no such finding.
        FindingClosed: It is resolved or expired.
        NothingToApply: ``apply`` where the suggestion has no action.
        NotApplicable: Of ``actions``: the action cannot be taken; then the answer is not stored either.
        IdempotencyMismatch: The Idempotency-Key came with another answer before.
        ValueError: ``apply`` without acceptance.
    """
    given = Given(verdict, reason, apply)
    with transaction.atomic():
        finding = _locked(finding_id, team)
        feedback = _feedback(finding, given, actor, idempotency_key, now)
        before = _given_before(feedback) or _said_before(finding, given)
        if before is not None:
            return Recorded(before, finding, _in_force(finding), is_replay=True)
        if not finding.is_live:
            raise FindingClosed(f"The finding is {finding.status}: it no longer asks for an answer.")
        try:
            with transaction.atomic():
                feedback.save(force_insert=True)
        except IntegrityError:
            # The key was used at the same moment for another finding of the team.
            if (winner := _given_before(feedback)) is None:
                raise
            return Recorded(winner, finding, _in_force(finding), is_replay=True)
        Finding.objects.filter(id=finding.id).update(status=verdict.value, answered_at=now)
        finding.status, finding.answered_at = verdict.value, now
        applied = _apply(finding, given, actor, now)
        invalidation.bump(finding.team_id)
    return Recorded(feedback, finding, applied, is_replay=False)


def _locked(finding_id: int, team: Team | None) -> Finding:
    findings = Finding.objects.select_for_update(of=("self",)).select_related("team")
    found = (findings if team is None else findings.filter(team=team)).filter(id=finding_id).first()
    if found is None:
        raise FindingNotFound(f"There is no finding {finding_id}. GET /api/findings lists yours.")
    return found


def _apply(finding: Finding, given: Given, actor: str, now: datetime) -> AppliedAction | None:
    in_force = _in_force(finding)
    if not given.apply or in_force is not None:
        return in_force
    if finding.action is None:
        raise NothingToApply("This suggestion has no action that the product could take: leave out `apply`.")
    return actions.apply(finding, actor=actor, now=now)


def _in_force(finding: Finding) -> AppliedAction | None:
    return AppliedAction.objects.filter(finding=finding, reverted_at__isnull=True).first()


def _feedback(
    finding: Finding, given: Given, actor: str, idempotency_key: str | None, now: datetime
) -> SuggestionFeedback:
    feedback = SuggestionFeedback(
        team_id=finding.team_id,
        finding=finding,
        verdict=given.verdict.value,
        reason=given.reason,
        actor=actor,
        created_at=now,
        is_applied=given.apply,
        finding_type=finding.finding_type,
        category=finding.category,
        severity=finding.severity,
        confidence=finding.confidence,
        has_action=finding.action is not None,
    )
    if idempotency_key is not None:
        scope = f"{finding.team_id}\n{idempotency_key}"
        feedback.idempotency_hash = encryption.keyed_hash(scope.encode(), purpose="suggestion-idempotency-key")
        body = orjson.dumps([finding.id, given.verdict.value, given.reason, given.apply])
        feedback.body_hash = encryption.keyed_hash(body, purpose="suggestion-feedback-body")
    return feedback


def _given_before(feedback: SuggestionFeedback) -> SuggestionFeedback | None:
    """Return what was stored under the same Idempotency-Key."""
    if feedback.idempotency_hash is None:
        return None
    found = SuggestionFeedback.objects.filter(
        team_id=feedback.team_id, idempotency_hash=feedback.idempotency_hash
    ).first()
    if found is not None and found.body_hash != feedback.body_hash:
        raise IdempotencyMismatch("This Idempotency-Key came with another answer before. Use a new key for a new one.")
    return found


def _said_before(finding: Finding, given: Given) -> SuggestionFeedback | None:
    """Return the newest answer where it says the same, and what it asks to apply is in force."""
    newest = SuggestionFeedback.objects.filter(finding=finding).first()
    if newest is None or (newest.verdict, newest.reason) != (given.verdict.value, given.reason):
        return None
    return newest if not given.apply or _in_force(finding) is not None else None
