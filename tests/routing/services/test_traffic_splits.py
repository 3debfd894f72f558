import logging
import math
from dataclasses import replace
from typing import Any

import pytest

from accounts.models import ConfigVersion, Team
from accounts.services import config_version
from routing.domain import policy as policy_domain
from routing.domain.policy import InvalidPolicy
from routing.domain.strategies import UnknownStrategy
from routing.domain.traffic_split import Arm, InvalidWeights, NamespaceFull
from routing.models import PolicyVersion, TrafficSplit
from routing.services import policies, snapshot, traffic_splits
from routing.services.policies import PolicyNotFound, PolicyNotUsable
from routing.services.traffic_splits import InvalidArms, SplitNotFound, SplitNotRunning
from tests import factories
from tests.factories import NOON
from tests.routing.domain.learned import override
from tests.routing.services import splits

pytestmark = pytest.mark.django_db

CONTROL = Arm("control", 0.5, strategy="complexity")


def published(team: Team | None = None) -> PolicyVersion:
    document = policy_domain.document([override()])
    return policies.publish(team=team, document=document, source="staff", actor="ada", now=NOON)


def against(version: int) -> tuple[Arm, ...]:
    return (CONTROL, Arm("test", 0.5, policy_version=version))


def held() -> dict[int, int]:
    """The phase of each running split by its experiment, in the order in which requests look at them."""
    return {number: running.split.phase for number, running in snapshot.load().splits.items()}


def test_split_runs_from_its_start_to_its_stop_and_every_process_is_told() -> None:
    before = config_version.current()
    started = splits.start(7, traffic_percent=20)
    assert (started.is_running, started.phase, started.hash_version) == (True, 1, 2)
    assert started.arms[0] == {"name": "control", "weight": 0.5, "strategy": "complexity", "policy_version": None}
    assert held() == {7: 1}

    assert [traffic_splits.stop(7).is_running for _ in range(2)] == [False, False]

    assert held() == {}
    assert config_version.current() == before + 3


def test_new_weights_begin_a_new_phase() -> None:
    splits.start()
    changed = traffic_splits.change_weights(1, {"test": 0.9, "control": 0.1})
    assert (changed.phase, [arm["weight"] for arm in changed.arms]) == (2, [0.1, 0.9])
    assert held() == {1: 2}


@pytest.mark.parametrize(
    ("weights", "error"),
    [
        ({"control": 0.5, "other": 0.5}, InvalidArms),
        ({"control": 0.5, "test": 0.6}, InvalidWeights),
        ({"control": math.nan, "test": 0.5}, InvalidWeights),
    ],
)
def test_weights_that_do_not_fit_the_arms_change_nothing(weights: dict[str, float], error: type[Exception]) -> None:
    splits.start()
    with pytest.raises(error):
        traffic_splits.change_weights(1, weights)
    assert held() == {1: 1}


def test_what_has_ended_or_never_was_is_not_changed() -> None:
    splits.start()
    traffic_splits.stop(1)
    with pytest.raises(SplitNotRunning, match="Experiment is not running"):
        traffic_splits.change_weights(1, {"control": 0.5, "test": 0.5})
    with pytest.raises(SplitNotFound, match="Experiment not found"):
        traffic_splits.stop(2)


def test_requests_join_what_runs_for_their_team() -> None:
    ours, theirs = factories.team(), factories.team()
    splits.start(1, team=ours)
    splits.start(2)
    for number, team in ((1, ours), (2, ours), (2, theirs)):
        traffic_splits.check_running(number, team_id=team.id)
    with pytest.raises(SplitNotFound):
        traffic_splits.check_running(1, team_id=theirs.id)
    traffic_splits.stop(1)
    with pytest.raises(SplitNotRunning):
        traffic_splits.check_running(1, team_id=ours.id)
    with pytest.raises(SplitNotFound):
        traffic_splits.check_running(1, team_id=theirs.id)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"arms": (CONTROL,)}, InvalidWeights),
        ({"arms": (CONTROL, replace(CONTROL, weight=0.5))}, InvalidArms),
        ({"arms": (CONTROL, Arm("test", 0.5))}, InvalidArms),
        ({"arms": (CONTROL, Arm("test", 0.5, "hybrid", 3))}, InvalidArms),
        ({"arms": (CONTROL, Arm("test\r\nx-evil: 1", 0.5, "hybrid"))}, InvalidArms),
        ({"arms": (CONTROL, Arm("test", 0.5, "genius"))}, UnknownStrategy),
        ({"arms": (CONTROL, Arm("test", 0.5, policy_version=10**6))}, PolicyNotFound),
        ({"traffic_percent": 101.0}, InvalidArms),
        ({"traffic_percent": math.nan}, InvalidArms),
        ({"namespace": "n" * 65}, InvalidArms),
    ],
)
def test_split_that_could_not_work_does_not_start(fields: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        splits.start(**fields)
    assert not TrafficSplit.objects.exists()


def test_policies_of_other_teams_and_rejected_ones_are_no_arms() -> None:
    team, other = factories.team(), factories.team()
    own, foreign, shared, rejected = published(team), published(other), published(), published()
    policies.reject(rejected)
    splits.start(1, team=team, arms=against(own.version))
    splits.start(2, team=team, arms=against(shared.version))
    splits.start(3, arms=against(shared.version))
    for scope, policy, error in ((team, foreign, PolicyNotFound), (None, own, PolicyNotFound)):
        with pytest.raises(error):
            splits.start(4, team=scope, arms=against(policy.version))
    with pytest.raises(PolicyNotUsable, match="was rejected"):
        splits.start(4, arms=against(rejected.version))
    assert list(held()) == [1, 2, 3]


def test_split_whose_policy_cannot_be_loaded_does_not_start() -> None:
    policy = published()
    PolicyVersion.objects.update(content_hash="0" * 64)
    with pytest.raises(InvalidPolicy, match="not what was published"):
        splits.start(arms=against(policy.version))


# Each is reported once by a process, so each has a number of its own.
@pytest.mark.parametrize(
    ("number", "damage"),
    [
        (901, lambda policy: PolicyVersion.objects.filter(version=policy.version).update(content_hash="0" * 64)),
        (902, policies.reject),
        (903, lambda policy: TrafficSplit.objects.filter(experiment_id=903).update(arms=[{"name": "control"}])),
        (904, lambda policy: TrafficSplit.objects.filter(experiment_id=904).update(unit="planet")),
    ],
    ids=["changed-policy", "rejected-policy", "unreadable-arms", "unknown-unit"],
)
def test_split_that_can_no_longer_be_loaded_is_left_out_and_reported_once(
    number: int, damage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    policy = published()
    splits.start(number, arms=against(policy.version))
    splits.start(2)
    damage(policy)

    with caplog.at_level(logging.ERROR):
        assert [list(held()) for _ in range(2)] == [[2], [2]]

    assert sum(f"Experiment {number} takes no requests" in record.getMessage() for record in caplog.records) == 1


def test_policy_on_trial_is_loaded_once_and_kept_from_snapshot_to_snapshot() -> None:
    policy = published()
    splits.start(1, arms=against(policy.version))
    first = snapshot.load()
    second = snapshot.load(first)
    loaded = first.splits[1].policies[policy.version]
    assert loaded.overrides == {"code": override()}
    assert second.splits[1].policies[policy.version] is loaded


def test_splits_of_a_namespace_get_ranges_that_do_not_overlap() -> None:
    found = [splits.start(number, namespace="prices", traffic_percent=share) for number, share in ((1, 30), (2, 50))]
    assert [(one.namespace_start, one.namespace_end) for one in found] == [(0.0, 0.3), (0.3, 0.8)]
    with pytest.raises(NamespaceFull, match="No 30%"):
        splits.start(3, namespace="prices", traffic_percent=30)
    traffic_splits.stop(1)
    third = splits.start(3, namespace="prices", traffic_percent=30)
    assert (third.namespace_start, third.namespace_end) == (0.0, 0.3)


def test_namespaces_of_two_teams_are_two_but_a_shared_split_counts_in_both() -> None:
    ours, theirs = factories.team(), factories.team()
    splits.start(1, team=ours, namespace="prices", traffic_percent=60)
    assert splits.start(2, team=theirs, namespace="prices", traffic_percent=60).namespace_start == 0.0
    assert splits.start(3, namespace="prices", traffic_percent=40).namespace_start == 0.6
    with pytest.raises(NamespaceFull):
        splits.start(4, team=ours, namespace="prices", traffic_percent=1)


@pytest.mark.django_db(transaction=True)
def test_process_that_made_the_change_knows_it_at_once() -> None:
    # A number not used before in this process.
    ConfigVersion.objects.create(id=config_version.ROW_ID, version=1)
    snapshot.refresh()
    splits.start(5)
    assert list(snapshot.held().splits) == [5]
    traffic_splits.stop(5)
    assert list(snapshot.held().splits) == []
