"""How a request is decided that takes part in an experiment, and what of that gets into its row."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs
from pytest_django import Settings

from accounts.selectors import TeamInfo
from routing.domain import costs
from routing.domain.decision import Controls, NoEligibleModel
from routing.domain.policy import RoutingPolicy
from routing.domain.strategies import UnknownStrategy
from routing.domain.traffic_split import Arm, Split
from routing.domain.usage import Usage
from routing.services import attempts, decisions, ledger_rows, sessions, snapshot
from routing.services.decisions import Plan
from routing.services.ledger_rows import Caller
from routing.services.running_splits import RunningSplit
from routing.services.wish import Wish
from tests import factories
from tests.factories import NOON
from tests.routing.domain.learned import override, policy

pytestmark = pytest.mark.django_db

TEAM = TeamInfo(1, "search", "", None, None)
ACTIVE = policy(override(provider="openai", model="gpt-moderate"))
ON_TRIAL = replace(policy(override(provider="openai", model="gpt-complex")), version=8, strategy="learning")
OTHER = Arm("other", 1e-9, strategy="complexity")
WISH = Wish(
    body={"messages": [{"role": "user", "content": "Write a Python function that sorts a list"}]},
    requested_model="auto",
    controls=Controls(),
    team=TEAM,
    request_id="r",
    user_id="bob",
)


@pytest.fixture(autouse=True)
def catalog() -> Iterator[None]:
    provider = factories.provider("openai")
    for tier, rate in (("simple", "1.00"), ("moderate", "10.00"), ("complex", "100.00")):
        factories.price(factories.language_model(provider, f"gpt-{tier}", tier=tier), rate, rate)
    sessions.reset()
    yield
    sessions.reset()


def plan(*, on_trial: RoutingPolicy = ON_TRIAL, experiment_id: int = 42, wish: Wish = WISH, **rule: Any) -> Plan:
    """Decide a request whose experiment puts (almost) everybody into the arm ``test``."""
    arms = (OTHER, Arm("test", 1 - 1e-9, **rule))
    split = Split(experiment_id, 3, "user", arms, traffic_percent=100.0)
    view = replace(
        snapshot.load(),
        policies={None: ACTIVE},
        splits={experiment_id: RunningSplit(split, None, {on_trial.version: on_trial})},
    )
    return decisions.plan(view, wish)


def chosen(found: Plan) -> tuple[str, str, int | None]:
    return found.decision.strategy, found.decision.chosen.model.name, found.decision.policy_version


def test_arm_with_a_strategy_decides_by_the_active_policy() -> None:
    assert chosen(plan(strategy="learning")) == ("learning", "gpt-moderate", 7)
    assert chosen(plan(strategy="complexity")) == ("complexity", "gpt-simple", None)


def test_arm_with_a_policy_decides_by_that_policy_and_its_strategy() -> None:
    assert chosen(plan(policy_version=8)) == ("learning", "gpt-complex", 8)


def test_limit_on_upgrades_leaves_the_choice_of_an_arm_alone(settings: Settings) -> None:
    settings.UPGRADE_LIMIT_AFTER = 1
    held = structs.replace(WISH, team=replace(TEAM, upgrade_limit_percent=0))
    assert chosen(plan(policy_version=8, wish=held)) == ("learning", "gpt-complex", 8)


def test_strategy_of_the_request_does_not_count_but_must_exist() -> None:
    named = structs.replace(WISH, requested_model="auto:hybrid", experiment_id=42)
    assert chosen(plan(strategy="complexity", wish=named)) == ("complexity", "gpt-simple", None)
    with pytest.raises(UnknownStrategy):
        plan(strategy="complexity", wish=structs.replace(named, requested_model="auto:genius"))


def test_reasoning_names_experiment_and_arm() -> None:
    assert plan(policy_version=8).decision.reasoning.startswith("experiment 42, arm test: code prompt: ")


def test_arm_explores_with_the_odds_that_are_written_down() -> None:
    exploring = replace(ON_TRIAL, exploration_share=0.5, random_share=0.5)
    found = [
        plan(on_trial=exploring, policy_version=8, wish=structs.replace(WISH, request_id=str(n))) for n in range(20)
    ]
    assert {one.decision.chosen.model.name for one in found} > {"gpt-complex"}
    assert all(0 < one.decision.propensity < 1 for one in found)


def test_arm_does_not_stay_with_the_model_that_the_session_had_elsewhere() -> None:
    exploring = replace(ON_TRIAL, exploration_share=0.5)
    wish = structs.replace(WISH, session_id="s")
    sessions.note(1, "s", "openai/gpt-simple", Usage(input_tokens=100))
    sessions.note(1, "s", "openai/gpt-simple", Usage(input_tokens=100), arm=(42, "other"))
    assert plan(on_trial=exploring, policy_version=8, wish=wish).decision.propensity < 1
    sessions.note(1, "s", "openai/gpt-simple", Usage(input_tokens=100), arm=(42, "test"))
    assert plan(on_trial=exploring, policy_version=8, wish=wish).decision.propensity == 1


def test_request_of_an_arm_that_cannot_decide_is_routed_as_usual_and_stays_in_its_arm(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        found = [plan(experiment_id=977, strategy="gone") for _ in range(3)]
    assert {chosen(one) for one in found} == {("hybrid", "gpt-moderate", 7)}
    assert found[0].assignment is not None
    assert found[0].assignment.arm.name == "test"
    assert found[0].decision.reasoning.startswith("experiment 977, arm test (which could not decide): code prompt")
    assert [record.getMessage() for record in caplog.records] == ["Experiment 977 failed on a request: UnknownStrategy"]


def test_request_that_no_model_can_serve_is_refused_as_outside_of_the_experiment() -> None:
    with pytest.raises(NoEligibleModel, match="max"):
        plan(strategy="learning", wish=structs.replace(WISH, controls=Controls(max_cost_usd=Decimal("0.000000001"))))


def test_row_names_experiment_arm_and_phase() -> None:
    found = row(plan(policy_version=8))
    assert (found["experiment_id"], found["experiment_arm"], found["experiment_phase"]) == (42, "test", 3)
    outside = row(plan(policy_version=8, wish=structs.replace(WISH, user_id=None)))
    assert (outside["experiment_id"], outside["experiment_arm"], outside["experiment_phase"]) == (None, None, None)


def test_reference_cost_is_the_same_in_every_arm() -> None:
    plans = [plan(policy_version=8), plan(strategy="complexity"), plan(strategy="learning")]
    # The baseline is gpt-complex, at 100 dollars for a million tokens in or out; a typical answer has 300 tokens.
    tokens = plans[0].features.input_tokens + costs.TYPICAL_OUTPUT_TOKENS
    assert [row(one)["reference_cost_nano_usd"] for one in plans] == [tokens * 100_000] * 3


def row(found: Plan) -> dict[str, Any]:
    caller = Caller(
        request_id="00000000-0000-7000-8000-000000000000",
        instance_id="00000000-0000-7000-8000-000000000001",
        team_id=1,
        api_key_id=1,
        endpoint="chat",
        is_stream=False,
        requested_model="auto",
        task=None,
        user_id="bob",
        session_id=None,
        prompt_fingerprint="f" * 64,
        created_at=NOON,
    )
    first = attempts.start("a-1", found.chain[0], found.features, choices=1, started_at=NOON.isoformat())
    return ledger_rows.opening_row(caller, found, first)
