"""What may be compared, and what a new experiment is told to need."""

import pytest

from experiments.domain.plan import InvalidPlan
from experiments.models import Experiment
from experiments.services import creation
from experiments.services.strategies import InvalidStrategy
from routing.domain import policy as policy_domain
from routing.domain.traffic_split import NamespaceFull
from routing.models import LedgerEntry, PolicyVersion, TrafficSplit
from routing.services import policies
from tests import factories
from tests.experiments.settled_traffic import START, begin

pytestmark = pytest.mark.django_db


def published(team=None, **parameters) -> PolicyVersion:
    document = policy_domain.document(**parameters)
    return policies.publish(team=team, document=document, source="staff", actor="ada", now=START)


def test_experiment_splits_the_traffic_of_its_team() -> None:
    team = factories.team()
    policy = published()
    experiment = begin(
        team, test_strategy=f"policy:{policy.version}", weights={"control": 0.9, "test": 0.1}, traffic_percent=30
    )

    split = TrafficSplit.objects.get()
    assert (split.experiment_id, split.team, split.is_running, split.unit) == (experiment.id, team, True, "user")
    assert split.traffic_percent == 30
    assert (
        split.arms
        == experiment.arms
        == [
            {"name": "control", "weight": 0.9, "strategy": "complexity", "policy_version": None},
            {"name": "test", "weight": 0.1, "strategy": None, "policy_version": policy.version},
        ]
    )


def test_requirements_follow_from_typical_traffic_until_there_is_enough() -> None:
    found = {one["metric"]: one for one in begin(sample_size=2000).requirements}

    assert found.keys() == {"cost_per_reference_cost", "quality", "latency", "error_rate"}
    assert {one["is_observed"] for one in found.values()} == {False}
    # Margins usually ask for more than the effect on cost: two points of errors are a small difference.
    assert found["error_rate"]["units_per_arm"] > found["latency"]["units_per_arm"] > 0
    assert 0 < found["cost_per_reference_cost"]["chance_at_planned_size"] < 1


def test_requirements_follow_from_the_teams_own_traffic() -> None:
    team = factories.team()
    costs = (1_000, 1_500)
    rows = [
        factories.unsaved_ledger_entry(
            team, user_id=f"user-{number}", cost_nano_usd=costs[number % 2], reference_cost_nano_usd=2_000
        )
        for number in range(200)
    ]
    # Of nobody by name, so that it belongs to no unit.
    rows.append(factories.unsaved_ledger_entry(team, user_id=None, cost_nano_usd=10**9))
    LedgerEntry.objects.bulk_create(rows)

    found = {one["metric"]: one for one in begin(team).requirements}

    assert found["cost_per_reference_cost"]["is_observed"] is True
    # Costs that differ by half are far more even than typical ones, and latencies do not differ at all.
    typical = {one["metric"]: one for one in begin().requirements}
    assert found["cost_per_reference_cost"]["units_per_arm"] < typical["cost_per_reference_cost"]["units_per_arm"]
    assert found["quality"]["is_observed"] is False


@pytest.mark.parametrize(
    ("design", "field"),
    [
        ({"test_strategy": "complexity"}, "test_strategy"),
        ({"test_strategy": "cheapest"}, "test_strategy"),
        ({"control_strategy": ""}, "control_strategy"),
        ({"control_strategy": "policy:999"}, "control_strategy"),
        ({"test_strategy": "policy:0"}, "test_strategy"),
        ({"test_strategy": "policy:-1 OR 1"}, "test_strategy"),
    ],
)
def test_unknown_and_equal_strategies_are_refused(design, field) -> None:
    with pytest.raises(InvalidStrategy) as refusal:
        begin(**design)

    assert refusal.value.field == field
    assert (Experiment.objects.count(), TrafficSplit.objects.count()) == (0, 0)


def test_policies_of_other_teams_and_rejected_ones_are_refused() -> None:
    foreign, rejected, damaged = published(factories.team()), published(), published()
    policies.reject(rejected)
    PolicyVersion.objects.filter(version=damaged.version).update(content_hash="0" * 64)

    for policy, message in ((foreign, "no policy"), (rejected, "was rejected"), (damaged, "not what was published")):
        with pytest.raises(InvalidStrategy, match=message):
            begin(test_strategy=f"policy:{policy.version}")


def test_experiment_of_all_teams_takes_shared_policies_only() -> None:
    own = published(factories.team())
    design = creation.Design(name="All", control_strategy="complexity", test_strategy=f"policy:{own.version}")

    with pytest.raises(InvalidStrategy, match="no policy"):
        creation.create(design, team=None, actor="ada", now=START)


@pytest.mark.parametrize(
    ("design", "message"),
    [
        ({"sample_size": -1}, "sample_size"),
        ({"sample_size": 10**12}, "sample_size"),
        ({"alpha": float("nan")}, "alpha"),
        ({"min_effect": 0.0}, "min_effect"),
        ({"min_effect": 1e-9}, "min_effect"),
        ({"power": 0.9999999}, "power"),
        ({"tau": -1.0}, "tau"),
        ({"mode": "fixed"}, "sample_size"),
        ({"weights": {"control": 0.5, "test": 0.6}}, "add up to 1"),
        ({"weights": {"control": 0.5, "other": 0.5}}, "control and test"),
        ({"guardrails": [{"metric": "mood", "margin": 0.1}]}, "mood"),
        ({"guardrails": [{"metric": "latency", "margin": float("inf")}]}, "margin"),
        ({"guardrails": [{"metric": "error_rate", "margin": 1e-12}]}, "margin"),
        ({"minima": {"units": -1}}, "units"),
        ({"namespace": "prices"}, "traffic_percent"),
    ],
)
def test_designs_that_cannot_be_analyzed_are_refused(design, message) -> None:
    with pytest.raises(InvalidPlan, match=message):
        begin(**design)

    assert Experiment.objects.count() == 0


def test_full_namespace_stores_nothing() -> None:
    team = factories.team()
    begin(team, namespace="prices", traffic_percent=80)

    with pytest.raises(NamespaceFull):
        begin(team, namespace="prices", traffic_percent=30)

    assert Experiment.objects.count() == 1
