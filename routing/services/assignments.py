"""Puts requests into the arms of experiments. Decides from memory, by hashes, so that every process agrees."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from routing.domain.policy import RoutingPolicy
from routing.domain.traffic_split import Arm, Unit
from routing.services.running_splits import RunningSplit
from routing.services.wish import AUTO, Wish

logger = logging.getLogger(__name__)

_WAYS_TO_NAME = {
    "user": "Name the user: `user_id` of /complete, `user` of a chat completion.",
    "session": "Name the session: `session_id` of /complete, or the header x-optimizer-session.",
}
# Experiments that failed to assign or to decide, and have been reported.
_reported: set[int] = set()


class SplitNotHeld(Exception):
    """The experiment asked for takes no requests of this team, as far as memory knows."""

    def __init__(self, experiment_id: int) -> None:
        super().__init__(f"Experiment {experiment_id} is not held.")
        self.experiment_id = experiment_id


class UnitMissing(Exception):
    """The request does not say of which user or session it is, and the experiment assigns those."""

    def __init__(self, unit: Unit) -> None:
        super().__init__(f"This experiment assigns {unit}s. {_WAYS_TO_NAME[unit]}")
        self.unit = unit


@dataclass(frozen=True, slots=True)
class Assignment:
    """The arm that a request is routed by; ``unit`` is the user, session or request that was assigned."""

    running: RunningSplit
    arm: Arm
    unit: str

    @property
    def experiment_id(self) -> int:
        return self.running.split.experiment_id

    @property
    def phase(self) -> int:
        return self.running.split.phase

    @property
    def policy(self) -> RoutingPolicy | None:
        return self.running.policy_of(self.arm)


def of(splits: Mapping[int, RunningSplit], wish: Wish) -> Assignment | None:
    """Return the arm of a request, None where it takes part in no experiment.

    Who names an experiment joins that one. Of the others, only requests for ``auto`` itself join, and the first of
    ``splits`` that takes their unit: which that is depends on no arm.

    Raises:
        SplitNotHeld: The experiment named takes no requests of this team.
        UnitMissing: It assigns users or sessions, and the request names none.
    """
    return _automatic(splits, wish) if wish.experiment_id is None else _named(splits, wish, wish.experiment_id)


def report(experiment_id: int, error: Exception) -> None:
    """Log that an experiment could not assign or decide, once for each of them."""
    if experiment_id not in _reported:
        _reported.add(experiment_id)
        logger.error("Experiment %s failed on a request: %s", experiment_id, type(error).__name__)


def _named(splits: Mapping[int, RunningSplit], wish: Wish, experiment_id: int) -> Assignment | None:
    running = splits.get(experiment_id)
    if running is None or wish.team is None or not running.is_open_to(wish.team.id):
        raise SplitNotHeld(experiment_id)
    unit = _unit(running.split.unit, wish)
    if unit is None:
        raise UnitMissing(running.split.unit)
    return _joined(running, unit, is_asked_for=True)


def _automatic(splits: Mapping[int, RunningSplit], wish: Wish) -> Assignment | None:
    if wish.requested_model != AUTO or wish.team is None or wish.request_id is None:
        return None
    for running in splits.values():
        # What teams share is no concern of one that learns alone; it may still name such an experiment.
        if not running.is_open_to(wish.team.id) or (running.team_id is None and wish.team.learns_alone):
            continue
        unit = _unit(running.split.unit, wish)
        if unit is not None and (found := _joined(running, unit, is_asked_for=False)) is not None:
            return found
    return None


def _joined(running: RunningSplit, unit: str, *, is_asked_for: bool) -> Assignment | None:
    split = running.split
    try:
        return Assignment(running, split.arm_of(unit), unit) if is_asked_for or split.takes(unit) else None
    except Exception as error:
        # Whatever is wrong with an experiment, its requests can be routed as all others.
        report(split.experiment_id, error)
        return None


def _unit(kind: Unit, wish: Wish) -> str | None:
    """Return what is assigned; the empty name of a user or session names nobody."""
    if kind == "request":
        return wish.request_id
    return (wish.user_id if kind == "user" else wish.session_id) or None
