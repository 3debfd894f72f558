from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Team
from accounts.selectors import TeamInfo
from accounts.services import config_version
from routing.domain import policy as policy_domain
from routing.domain.policy import InvalidPolicy
from routing.models import PolicyActivation, PolicyVersion, PredictorModel
from routing.selectors import policies as policy_selectors
from routing.services import policies, snapshot
from routing.services.policies import PolicyNotFound, PolicyNotUsable
from tests import factories
from tests.routing.domain.learned import override

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def publish(team: Team | None = None, model: str = "cheap", **fields: Any) -> PolicyVersion:
    document = policy_domain.document([override(model=model)], **fields.pop("parameters", {}))
    return policies.publish(
        team=team, document=document, source=PolicyVersion.Source.STAFF, actor="ada", now=NOW, **fields
    )


def activate(policy: PolicyVersion) -> PolicyActivation:
    return policies.activate(
        policy, kind=PolicyActivation.Kind.STAFF, actor="ada", reason="better", now=NOW + timedelta(minutes=1)
    )


def team_info(team: Team) -> TeamInfo:
    return TeamInfo(team.id, team.slug, "", None, None, learns_alone=team.learns_alone)


def states() -> dict[int, str]:
    return dict(PolicyVersion.objects.values_list("version", "state"))


def test_published_policy_is_a_candidate_that_routes_nothing() -> None:
    policy = publish(note="by hand", parameters={"exploration_share": 0.1})
    assert (policy.state, policy.note, policy.created_by, policy.created_at) == ("candidate", "by hand", "ada", NOW)
    assert policy_selectors.active(None) is None
    loaded = policies.load(PolicyVersion.objects.get())
    assert (loaded.version, loaded.exploration_share, loaded.overrides) == (policy.version, 0.1, {"code": override()})


def test_equal_policies_have_equal_hashes_and_versions_of_their_own() -> None:
    first, same, other = publish(), publish(), publish(model="dear")
    assert first.content_hash == same.content_hash != other.content_hash
    assert first.version < same.version < other.version


def test_policy_that_cannot_be_read_is_not_published() -> None:
    with pytest.raises(InvalidPolicy, match="random_share is nan"):
        publish(parameters={"random_share": float("nan")})
    assert not PolicyVersion.objects.exists()


def test_activation_retires_the_active_policy_and_is_written_down() -> None:
    first, second = publish(), publish(model="dear")
    activate(first)
    before = config_version.current()

    activation = activate(second)

    assert states() == {first.version: "retired", second.version: "active"}
    assert (activation.policy, activation.replaced, activation.kind) == (second, first, "staff")
    assert (activation.actor, activation.reason) == ("ada", "better")
    assert config_version.current() == before + 1
    assert policy_selectors.active(None) == second
    assert [one.policy for one in policy_selectors.history(None)] == [second, first]


def test_every_scope_has_an_active_policy_of_its_own() -> None:
    team = factories.team(learns_alone=True)
    shared, own = publish(), publish(team)
    activate(shared)
    activate(own)
    assert (policy_selectors.active(None), policy_selectors.active(team)) == (shared, own)
    assert policy_selectors.scope_of(team) == team
    assert policy_selectors.scope_of(factories.team()) is None


def test_active_or_rejected_policy_cannot_be_activated() -> None:
    active, rejected = publish(), publish()
    activate(active)
    policies.reject(rejected)
    for policy in (active, rejected):
        with pytest.raises(PolicyNotUsable):
            activate(policy)
    with pytest.raises(PolicyNotUsable):
        policies.reject(active)
    assert states() == {active.version: "active", rejected.version: "rejected"}


def test_policy_on_trial_is_activated_or_rejected_and_was_never_one_to_roll_back_to() -> None:
    better, worse, other = publish(), publish(), publish()
    for policy in (better, worse):
        policies.put_on_trial(policy)
    with pytest.raises(PolicyNotUsable, match="no candidate"):
        policies.put_on_trial(better)
    with pytest.raises(PolicyNotUsable, match=r"never routed \(on_trial\)"):
        policies.rollback(version=better.version, team=None, actor="ada", reason="", now=NOW)

    activate(better)
    policies.reject(worse)

    assert states() == {better.version: "active", worse.version: "rejected", other.version: "candidate"}


def test_rollback_restores_an_earlier_version() -> None:
    first, second = publish(), publish(model="dear")
    activate(first)
    activate(second)
    activation = policies.rollback(version=first.version, team=None, actor="ada", reason="worse", now=NOW)
    assert (activation.kind, activation.policy, activation.replaced) == ("rollback", first, second)
    assert states() == {first.version: "active", second.version: "retired"}


def test_rollback_goes_to_nothing_that_has_not_routed_here() -> None:
    active, candidate, foreign = publish(), publish(), publish(factories.team())
    activate(active)
    for version, error in (
        (candidate.version, PolicyNotUsable),
        (active.version, PolicyNotUsable),
        (foreign.version, PolicyNotFound),
        (10**6, PolicyNotFound),
    ):
        with pytest.raises(error):
            policies.rollback(version=version, team=None, actor="ada", reason="", now=NOW)
    assert policy_selectors.active(None) == active


def test_withdrawal_leaves_no_active_policy() -> None:
    policy = publish()
    activate(policy)
    activation = policies.withdraw(team=None, actor="ada", reason="doubts", now=NOW)
    assert (activation.kind, activation.policy, activation.replaced) == ("withdrawal", None, policy)
    assert policy_selectors.active(None) is None
    with pytest.raises(PolicyNotFound):
        policies.withdraw(team=None, actor="ada", reason="doubts", now=NOW)


def test_policy_that_was_changed_after_it_was_published_is_not_activated() -> None:
    held, changed = publish(), publish(model="dear")
    activate(held)
    PolicyVersion.objects.filter(version=changed.version).update(document=policy_domain.document([]))
    changed.refresh_from_db()
    with pytest.raises(InvalidPolicy, match="content hash differs"):
        activate(changed)
    assert policy_selectors.active(None) == held


def test_bytes_that_are_no_predictor_are_not_stored() -> None:
    with pytest.raises(InvalidPolicy):
        policies.store_predictor(b"no predictor", summary={}, trained_at=NOW)
    assert not PredictorModel.objects.exists()


def test_predictor_whose_bytes_were_changed_is_not_loaded() -> None:
    broken = PredictorModel.objects.create(sha256="0" * 64, content=b"changed", summary={}, trained_at=NOW)
    with pytest.raises(InvalidPolicy, match="is not what was trained"):
        publish(predictor=broken)


def test_snapshot_has_the_policy_of_each_team() -> None:
    alone, together = factories.team(learns_alone=True), factories.team()
    shared, own = publish(), publish(alone)
    activate(shared)
    activate(own)
    view = snapshot.refresh()
    found = [view.policy_for(team_info(team)) for team in (together, alone)] + [view.policy_for(None)]
    assert [policy and policy.version for policy in found] == [shared.version, own.version, shared.version]


def test_team_that_learns_alone_has_no_policy_before_its_own() -> None:
    activate(publish())
    assert snapshot.refresh().policy_for(team_info(factories.team(learns_alone=True))) is None


def test_snapshot_follows_activation_rollback_and_withdrawal() -> None:
    first, second = publish(), publish(model="dear")
    seen = []
    activate(first)
    seen.append(snapshot.refresh().policy_for(None))
    activate(second)
    seen.append(snapshot.refresh().policy_for(None))
    policies.rollback(version=first.version, team=None, actor="ada", reason="", now=NOW)
    seen.append(snapshot.refresh().policy_for(None))
    policies.withdraw(team=None, actor="ada", reason="", now=NOW)
    seen.append(snapshot.refresh().policy_for(None))
    versions = [policy and policy.version for policy in seen]
    assert versions == [first.version, second.version, first.version, None]


def test_policy_in_force_is_not_loaded_again_for_another_change() -> None:
    activate(publish())
    held = snapshot.refresh().policy_for(None)
    config_version.bump()
    assert snapshot.refresh().policy_for(None) is held


def test_active_policy_that_cannot_be_loaded_leaves_the_held_one_in_force(caplog: pytest.LogCaptureFixture) -> None:
    held, broken = publish(), publish(model="dear")
    activate(held)
    snapshot.refresh()
    activate(broken)
    PolicyVersion.objects.filter(version=broken.version).update(content_hash="0" * 64)

    for _ in range(3):
        config_version.bump()
        policy = snapshot.refresh().policy_for(None)

    assert policy is not None
    assert policy.version == held.version
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert errors == [
        f"Policy {broken.version} cannot be loaded, policy {held.version} stays: Policy {broken.version} is not what "
        "was published: its content hash differs."
    ]


def test_process_that_starts_with_a_policy_it_cannot_load_decides_by_complexity() -> None:
    broken = publish()
    activate(broken)
    PolicyVersion.objects.filter(version=broken.version).update(content_hash="0" * 64)
    assert snapshot.refresh().policies == {}
