"""The splits that run, with the policies of their arms, as the snapshot holds them."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from routing.domain import strategies, traffic_split
from routing.domain.policy import InvalidPolicy, RoutingPolicy
from routing.domain.traffic_split import Arm, Split, Unit
from routing.models import PolicyVersion, TrafficSplit
from routing.services import policies

logger = logging.getLogger(__name__)

# Splits that could not be loaded and have been reported, by experiment and phase.
_refused: set[tuple[int, int]] = set()


@dataclass(frozen=True, slots=True)
class RunningSplit:
    """A split that takes requests: of one team, or of all where ``team_id`` is None.

    ``policies`` are those that its arms name, by version.
    """

    split: Split
    team_id: int | None
    policies: Mapping[int, RoutingPolicy]

    def is_open_to(self, team_id: int) -> bool:
        return self.team_id is None or self.team_id == team_id

    def policy_of(self, arm: Arm) -> RoutingPolicy | None:
        """Return the policy that the arm names, None for one that routes by the active policy."""
        return None if arm.policy_version is None else self.policies[arm.policy_version]

    @property
    def is_learned(self) -> bool:
        """Whether any arm decides by what was learned."""
        decided_by = (policy.strategy if (policy := self.policy_of(arm)) else arm.strategy for arm in self.split.arms)
        return any(strategy in strategies.LEARNED for strategy in decided_by)


def load(held: Iterable[RoutingPolicy]) -> dict[int, RunningSplit]:
    """Return the running splits by experiment, the oldest first; policies in ``held`` are not loaded again.

    A split that cannot be read, or whose policies cannot be loaded, is left out: its requests are routed as all
    others. That is logged once.
    """
    rows = list(TrafficSplit.objects.filter(is_running=True).order_by("experiment_id"))
    if not rows:
        return {}
    known = {policy.version: policy for policy in held}
    found = {}
    for row in rows:
        try:
            found[row.experiment_id] = _running(row, known)
        except (InvalidPolicy, TypeError, ValueError) as error:
            if (row.experiment_id, row.phase) not in _refused:
                _refused.add((row.experiment_id, row.phase))
                logger.error("Experiment %s takes no requests, for it cannot be loaded: %s", row.experiment_id, error)
    return found


def _running(row: TrafficSplit, known: dict[int, RoutingPolicy]) -> RunningSplit:
    arms = traffic_split.parse(row.arms)
    traffic_split.check_weights({arm.name: arm.weight for arm in arms})
    split = Split(
        experiment_id=row.experiment_id,
        phase=row.phase,
        unit=cast(Unit, TrafficSplit.Unit(row.unit).value),
        arms=arms,
        traffic_percent=row.traffic_percent,
        namespace=row.namespace,
        start=row.namespace_start,
        end=row.namespace_end,
    )
    versions = {arm.policy_version for arm in arms if arm.policy_version is not None}
    return RunningSplit(split, row.team_id, {version: _policy(version, known) for version in versions})


def _policy(version: int, known: dict[int, RoutingPolicy]) -> RoutingPolicy:
    usable = PolicyVersion.objects.exclude(state=PolicyVersion.State.REJECTED).filter(version=version)
    if version in known and usable.exists():
        return known[version]
    row = usable.select_related("predictor").first()
    if row is None:
        raise InvalidPolicy(f"Policy {version} does not exist, or was rejected.")
    known[version] = policies.load(row)
    return known[version]
