"""Moves the rollout with what is measured at that moment."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from accounts import selectors
from accounts.domain import rollout as order
from accounts.models import RolloutPhase, Team
from accounts.services import rollout
from accounts.services.rollout import NoRollout, ReasonMissing
from monitoring.selectors import rollout_criteria
from monitoring.selectors.rollout_criteria import Criterion

MOST_HISTORY = 50


@dataclass(frozen=True, slots=True)
class RolloutStatus:
    """Where the rollout stands; ``phase`` is None while none runs, and ``unmet`` says why it may not go on.

    ``teams_by_phase`` counts the active teams that each phase reaches, or would reach if it began now.
    """

    phase: RolloutPhase | None
    criteria: tuple[Criterion, ...]
    unmet: tuple[str, ...]
    teams: int
    teams_by_phase: Mapping[int, int]
    history: tuple[RolloutPhase, ...]

    @property
    def teams_reached(self) -> int:
        return self.teams if self.phase is None else self.teams_by_phase[self.phase.number]

    @property
    def may_advance(self) -> bool:
        return self.phase is not None and not self.unmet


def current() -> RolloutPhase:
    """Return the phase that the rollout is in; raises NoRollout."""
    phase = selectors.current_phase()
    if phase is None:
        raise NoRollout
    return phase


def status(*, now: datetime) -> RolloutStatus:
    """Measure the criteria and tell where the rollout stands."""
    phase = selectors.current_phase()
    criteria = tuple(rollout_criteria.evaluate(phase, now=now)) if phase else ()
    slugs = tuple(Team.objects.filter(is_active=True).values_list("slug", flat=True))
    history = RolloutPhase.objects.filter(ended_at__isnull=False)[:MOST_HISTORY]
    return RolloutStatus(
        phase=phase,
        criteria=criteria,
        unmet=tuple(rollout_criteria.unmet(criteria)),
        teams=len(slugs),
        teams_by_phase=teams_by_phase(phase, slugs),
        history=tuple(history),
    )


def teams_by_phase(phase: RolloutPhase | None, slugs: tuple[str, ...]) -> dict[int, int]:
    """Count the teams of each phase: of the present one as it is, of the others as they would begin now."""
    found = {}
    for number in order.SHARES:
        bound = phase.reach if phase and number == phase.number else order.reach(number, slugs)
        if phase and number > phase.number:
            bound = max(bound, phase.reach)
        found[number] = sum(order.reaches(bound, slug) for slug in slugs)
    return found


def advance(*, overrides: bool = False, reason: str = "", actor: str, now: datetime) -> RolloutPhase | None:
    """Measure the criteria of the present phase and go on to the next; None is the end of the rollout.

    Raises:
        NoRollout: None runs.
        CriteriaNotMet: Criteria do not hold, and this overrides none.
        ReasonMissing: It does, and does not say why.
        PhaseMoved: Somebody else has moved the rollout meanwhile.
    """
    if overrides and not reason:
        raise ReasonMissing("Say why the rollout shall go on although criteria do not hold.")
    phase = current()
    criteria = rollout_criteria.evaluate(phase, now=now)
    return rollout.advance(
        phase.id,
        unmet=rollout_criteria.unmet(criteria),
        criteria=[asdict(criterion) for criterion in criteria],
        override_reason=reason if overrides else "",
        actor=actor,
        now=now,
    )
