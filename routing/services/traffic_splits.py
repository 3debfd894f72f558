"""Starts, changes and stops the splits of traffic that experiments run on.

Changes take turns: each begins by counting a change of configuration, and the row of that count is locked until its
transaction ends. Other processes follow within a second, this one as soon as the change is committed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from django.db import transaction
from django.db.models import Q

from accounts.models import Team
from accounts.services import config_version
from routing.domain import strategies, traffic_split
from routing.domain.traffic_split import Arm, Unit
from routing.models import PolicyVersion, TrafficSplit
from routing.selectors import policies as policy_selectors
from routing.services import policies, snapshot
from routing.services.policies import PolicyNotFound, PolicyNotUsable

MAX_NAMESPACE_CHARACTERS = 64
# The name goes into a header and into the ledger.
_ARM_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class SplitNotFound(Exception):
    """No experiment of this number splits traffic."""


class SplitNotRunning(Exception):
    """The experiment has ended: its traffic is routed as all other."""


class InvalidArms(ValueError):
    """Traffic cannot be divided like this; the message says why."""


def start(
    *,
    experiment_id: int,
    team: Team | None,
    unit: Unit,
    arms: Sequence[Arm],
    traffic_percent: float,
    namespace: str = "",
) -> TrafficSplit:
    """Begin to divide the traffic of a team, or of all teams, between the arms; the first is the control.

    Args:
        experiment_id: Whose traffic it is; one that has a split already gets no second.
        team: None for all teams.
        unit: What is put into an arm as a whole.
        arms: Two or more with different names of up to 32 small letters and digits, whose weights add up to 1.
        traffic_percent: Share in [0, 100] of the units of ``auto`` that join without asking; 0 for none.
        namespace: Of splits that share no such unit with one another, up to 64 characters; empty for none.

    Raises:
        InvalidArms, InvalidWeights, UnknownStrategy: Traffic cannot be divided like this.
        PolicyNotFound: An arm's version does not exist, or is another team's.
        PolicyNotUsable, InvalidPolicy: It was rejected, or cannot be loaded.
        NamespaceFull: Less of the namespace is free than ``traffic_percent``.
    """
    _check_arms(arms, team)
    if not 0 <= traffic_percent <= 100:
        raise InvalidArms("The share of traffic that joins must lie between 0 and 100 percent.")
    if len(namespace) > MAX_NAMESPACE_CHARACTERS:
        raise InvalidArms("The name of a namespace has at most 64 characters.")
    with transaction.atomic():
        config_version.bump()
        low, high = _free_range(team, namespace, traffic_percent / 100) if namespace else (0.0, 1.0)
        split = TrafficSplit.objects.create(
            experiment_id=experiment_id,
            team=team,
            is_running=True,
            unit=unit,
            arms=traffic_split.documents(arms),
            traffic_percent=traffic_percent,
            namespace=namespace,
            namespace_start=low,
            namespace_end=high,
            hash_version=traffic_split.HASH_VERSION,
        )
        _tell()
    return split


def change_weights(experiment_id: int, weights: Mapping[str, float]) -> TrafficSplit:
    """Divide the units anew and count a new phase, since some of them change their arm.

    Args:
        experiment_id: Of a running split.
        weights: By name of the arm, for each of its arms.

    Raises:
        SplitNotFound, SplitNotRunning: There is nothing to change.
        InvalidArms, InvalidWeights: The weights are not those of its arms, or do not add up to 1.
    """
    traffic_split.check_weights(weights)
    with transaction.atomic():
        config_version.bump()
        split = _running(experiment_id)
        arms = traffic_split.parse(split.arms)
        if set(weights) != {arm.name for arm in arms}:
            raise InvalidArms(f"Give one weight for each of these arms: {', '.join(arm.name for arm in arms)}.")
        split.arms = traffic_split.documents([replace(arm, weight=weights[arm.name]) for arm in arms])
        split.phase += 1
        split.save(update_fields=["arms", "phase"])
        _tell()
    return split


def stop(experiment_id: int) -> TrafficSplit:
    """Route the experiment's traffic as all other; one that was stopped before stays so.

    Raises:
        SplitNotFound: No such experiment has split traffic.
    """
    with transaction.atomic():
        config_version.bump()
        split = _find(experiment_id)
        split.is_running = False
        split.save(update_fields=["is_running"])
        _tell()
    return split


def check_running(experiment_id: int, *, team_id: int) -> None:
    """Return if requests of the team may join the experiment by its number.

    Raises:
        SplitNotFound: There is none, or it is another team's.
        SplitNotRunning: It has ended.
    """
    split = _find(experiment_id)
    if split.team_id not in (None, team_id):
        raise SplitNotFound("Experiment not found")
    if not split.is_running:
        raise SplitNotRunning("Experiment is not running")


def _running(experiment_id: int) -> TrafficSplit:
    split = _find(experiment_id)
    if not split.is_running:
        raise SplitNotRunning("Experiment is not running")
    return split


def _find(experiment_id: int) -> TrafficSplit:
    split = TrafficSplit.objects.filter(experiment_id=experiment_id).first()
    if split is None:
        raise SplitNotFound("Experiment not found")
    return split


def _tell() -> None:
    """Let a process that decides from memory know at once; where that fails, it finds out by its own polling."""
    transaction.on_commit(snapshot.refresh_if_held, robust=True)


def _free_range(team: Team | None, namespace: str, width: float) -> tuple[float, float]:
    rivals = TrafficSplit.objects.filter(namespace=namespace, is_running=True)
    if team is not None:
        # Another team's split has no request in common with this one.
        rivals = rivals.filter(Q(team=team) | Q(team=None))
    return traffic_split.free_range(list(rivals.values_list("namespace_start", "namespace_end")), width)


def _check_arms(arms: Sequence[Arm], team: Team | None) -> None:
    if len({arm.name for arm in arms}) != len(arms):
        raise InvalidArms("Give every arm a name of its own.")
    traffic_split.check_weights({arm.name: arm.weight for arm in arms})
    for arm in arms:
        if not _ARM_NAME.fullmatch(arm.name):
            raise InvalidArms(f"Name arm {arm.name[:32]!r} by up to 32 small letters and digits.")
        if (arm.strategy is None) == (arm.policy_version is None):
            raise InvalidArms(f"Give arm {arm.name!r} either a strategy or a version of the policy.")
        if arm.strategy is not None:
            strategies.get(arm.strategy)
        if arm.policy_version is not None:
            _check_policy(arm.policy_version, team)


def _check_policy(version: int, team: Team | None) -> None:
    visible = policy_selectors.versions(None) if team is None else policy_selectors.visible_to(team)
    policy = visible.filter(version=version).select_related("predictor").first()
    if policy is None:
        raise PolicyNotFound(f"There is no policy {version} here. Its versions are listed in the admin.")
    if policy.state == PolicyVersion.State.REJECTED:
        raise PolicyNotUsable(f"Policy {version} was rejected, so no request may be routed by it.")
    policies.load(policy)
