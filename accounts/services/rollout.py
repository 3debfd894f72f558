"""Takes features to more and more teams, in phases that only go on when their criteria hold, or back.

Whether criteria hold is measured by whoever calls; here is kept what follows from it. The gateway and everybody else
see a new phase within a second, as they see every switch of a feature.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from accounts import selectors
from accounts.domain import rollout
from accounts.domain.features import Feature
from accounts.domain.rollout import CONFIRMATIONS, FIRST_PHASE, LAST_PHASE
from accounts.models import RolloutPhase, Team
from accounts.services import config_version, features

logger = logging.getLogger(__name__)

Outcome = RolloutPhase.Outcome
MOST_ISSUES = 200


class RolloutRefused(Exception):
    """The rollout cannot be moved like this as it stands."""


class NoRollout(RolloutRefused):
    """No rollout runs."""

    def __init__(self) -> None:
        super().__init__("No rollout runs: every feature that is on reaches all teams. Start one with its features.")


class RolloutRunning(RolloutRefused):
    """A rollout runs already."""


class PhaseMoved(RolloutRefused):
    """Somebody else has moved the rollout meanwhile."""


class CannotGoBack(RolloutRefused):
    """The rollout reaches nobody, so there is no phase before."""


class UnknownConfirmation(Exception):
    """Nothing of this name is to be confirmed."""


class CriteriaNotMet(RolloutRefused):
    """Criteria of the phase do not hold; ``reasons`` says which and why."""

    def __init__(self, phase: int, reasons: Sequence[str]) -> None:
        super().__init__(
            f"Phase {phase} cannot be left yet. {' '.join(reasons)} To go on all the same, override with a reason."
        )
        self.reasons = tuple(reasons)


class ReasonMissing(Exception):
    """An override or a rollback was asked for without a reason."""


def start(names: Iterable[str], *, actor: str, now: datetime) -> RolloutPhase:
    """Begin a rollout: from phase 1 on, only the teams of its phase have these features.

    One that was rolled back to nobody gives way; what it had and the new one has not is switched off for everybody.

    Raises:
        UnknownFeature: One of the names is none of a feature.
        RolloutRunning: Another one reaches some teams.
    """
    governed = sorted({features.named(name) for name in names})
    with transaction.atomic():
        config_version.bump()
        if (running := selectors.current_phase()) is not None:
            _replace(running, governed, actor=actor, now=now)
        phase = _begin(FIRST_PHASE, governed, actor=actor, now=now)
    logger.warning("Rollout of %s started by %s", ", ".join(governed), actor)
    return phase


def advance(
    phase_id: int,
    *,
    unmet: Sequence[str],
    criteria: Sequence[Mapping[str, Any]],
    override_reason: str = "",
    actor: str,
    now: datetime,
) -> RolloutPhase | None:
    """Go on to the next phase; from the last one, end the rollout.

    Args:
        phase_id: The phase whose criteria were measured.
        unmet: Why it should not go on, a sentence for each criterion that does not hold.
        criteria: All as measured, for the record.
        override_reason: Why it goes on although criteria do not hold.

    Returns:
        The new phase; None at the end, when the features reach all teams for good.

    Raises:
        CriteriaNotMet: Criteria do not hold and no reason for an override was given.
        PhaseMoved: The rollout has left that phase meanwhile.
    """
    if unmet and not override_reason:
        raise CriteriaNotMet(RolloutPhase.objects.get(id=phase_id).number, unmet)
    with transaction.atomic():
        phase = _held(phase_id)
        outcome = Outcome.OVERRIDDEN if unmet else Outcome.ADVANCED
        _end(phase, outcome, reason=override_reason if unmet else "", criteria=criteria, actor=actor, now=now)
        if phase.number == LAST_PHASE:
            logger.warning("Rollout of %s ended by %s", ", ".join(phase.features), actor)
            return None
        following = _begin(phase.number + 1, phase.features, least=phase.reach, actor=actor, now=now)
    logger.warning("Rollout %s to phase %s by %s", outcome, following.number, actor)
    return following


def rollback(*, reason: str, issue: str = "", actor: str, now: datetime) -> RolloutPhase:
    """Go back to the phase before; from phase 1 to 0, where nobody has the features.

    Args:
        reason: Why; it is kept with the phase.
        issue: What went wrong, if that is to be among the issues of the phase.

    Raises:
        ReasonMissing: There is none.
        NoRollout: None runs.
        CannotGoBack: It reaches nobody already.
    """
    if not reason:
        raise ReasonMissing("Say why the rollout goes back.")
    with transaction.atomic():
        config_version.bump()
        phase = _running(RolloutPhase.objects.all())
        if phase.number == 0:
            raise CannotGoBack("The rollout is in phase 0 and reaches nobody: there is no phase before.")
        if issue:
            _note_issue(phase, issue, actor=actor, now=now)
        _end(phase, Outcome.ROLLED_BACK, reason=reason, criteria=(), actor=actor, now=now)
        before = _begin(phase.number - 1, phase.features, most=phase.reach, actor=actor, now=now)
    logger.warning("Rollout rolled back to phase %s by %s: %s", before.number, actor, reason)
    return before


def confirm(name: str, *, is_confirmed: bool = True, actor: str, now: datetime) -> RolloutPhase:
    """Note that a person has seen to something that cannot be measured, or take that back.

    Raises:
        UnknownConfirmation: The name is none of ``CONFIRMATIONS``.
        NoRollout: None runs.
    """
    if name not in CONFIRMATIONS:
        raise UnknownConfirmation(f"There is no confirmation {name!r}: use one of {', '.join(CONFIRMATIONS)}.")
    with transaction.atomic():
        phase = _running(RolloutPhase.objects.select_for_update())
        phase.confirmations.pop(name, None)
        if is_confirmed:
            phase.confirmations[name] = {"by": actor, "at": now.isoformat()}
        phase.save(update_fields=["confirmations"])
    return phase


def report_issue(text: str, *, actor: str, now: datetime) -> RolloutPhase:
    """Keep what went wrong with the phase; the oldest of too many are dropped. Raises NoRollout."""
    with transaction.atomic():
        phase = _running(RolloutPhase.objects.select_for_update())
        _note_issue(phase, text, actor=actor, now=now)
        phase.save(update_fields=["issues_found"])
    return phase


def _note_issue(phase: RolloutPhase, text: str, *, actor: str, now: datetime) -> None:
    issue = {"text": text, "by": actor, "at": now.isoformat()}
    phase.issues_found = [*phase.issues_found, issue][-MOST_ISSUES:]


def _held(phase_id: int) -> RolloutPhase:
    """Return the phase that the rollout is in, as nobody else can move it before the commit."""
    # Moves take turns on the row that this counts in.
    config_version.bump()
    phase = selectors.current_phase()
    if phase is None or phase.id != phase_id:
        raise PhaseMoved("Somebody else has moved the rollout meanwhile: look at it again.")
    return phase


def _running(rows: QuerySet[RolloutPhase]) -> RolloutPhase:
    phase = rows.filter(ended_at=None).first()
    if phase is None:
        raise NoRollout
    return phase


def _replace(running: RolloutPhase, governed: Sequence[str], *, actor: str, now: datetime) -> None:
    if running.number > 0:
        raise RolloutRunning(f"A rollout runs already, in phase {running.number}: advance it to its end, or roll back.")
    for name in sorted(set(running.features) - set(governed)):
        # Otherwise it would reach everybody, without any rollout.
        features.disable(name, reason="Left by a rollout that was rolled back.", actor=actor, now=now)
    _end(running, Outcome.ROLLED_BACK, reason="Another rollout was started.", criteria=(), actor=actor, now=now)


def _begin(
    number: int, governed: Sequence[str], *, least: float = 0.0, most: float = 1.0, actor: str, now: datetime
) -> RolloutPhase:
    slugs = Team.objects.filter(is_active=True).values_list("slug", flat=True)
    return RolloutPhase.objects.create(
        number=number,
        features=[Feature(name).value for name in governed],
        reach=min(most, rollout.reach(number, slugs, least=least)),
        started_at=now,
        started_by=actor,
    )


def _end(
    phase: RolloutPhase,
    outcome: RolloutPhase.Outcome,
    *,
    reason: str,
    criteria: Sequence[Mapping[str, Any]],
    actor: str,
    now: datetime,
) -> None:
    phase.ended_at, phase.ended_by, phase.outcome, phase.reason = now, actor, outcome, reason
    phase.criteria = [dict(criterion) for criterion in criteria]
    phase.save()
