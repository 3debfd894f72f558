"""What features that are off change about a decision."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from accounts.domain.features import Feature, FeatureDisabled, Gates
from accounts.selectors import TeamInfo
from routing.domain.decision import Controls
from routing.domain.strategies import UnknownStrategy
from routing.domain.traffic_split import Arm, Split
from routing.services import decisions, sessions, snapshot
from routing.services.decisions import Plan
from routing.services.running_splits import RunningSplit
from routing.services.wish import Wish
from tests import factories
from tests.routing.domain.learned import override, policy

pytestmark = pytest.mark.django_db

TEAM, OTHER_TEAM = TeamInfo(1, "search", "", None, None), TeamInfo(2, "billing", "", None, None)
ACTIVE = policy(override(provider="openai", model="gpt-moderate"))
WISH = Wish(
    body={"messages": [{"role": "user", "content": "Write a Python function that sorts a list"}]},
    requested_model="auto",
    controls=Controls(),
    team=TEAM,
    request_id="r",
    user_id="bob",
)
BY_COMPLEXITY = (Arm("control", 1e-9, strategy="complexity"), Arm("test", 1 - 1e-9, strategy="complexity"))
LEARNED = (Arm("control", 1e-9, strategy="complexity"), Arm("test", 1 - 1e-9, strategy="learning"))


@pytest.fixture(autouse=True)
def catalog() -> Iterator[None]:
    provider = factories.provider("openai")
    for tier, rate in (("simple", "1.00"), ("moderate", "10.00"), ("complex", "100.00")):
        factories.price(factories.language_model(provider, f"gpt-{tier}", tier=tier), rate, rate)
    sessions.reset()
    yield
    sessions.reset()


def plan(*off: Feature, arms: tuple[Arm, ...] = (), **changes: Any) -> Plan:
    """Decide a request of the team, for which these features are off, with an experiment that has these arms."""
    splits = {42: RunningSplit(Split(42, 1, "user", arms, traffic_percent=100.0), None, {})} if arms else {}
    view = replace(
        snapshot.load(),
        policies={None: ACTIVE},
        splits=splits,
        gates=Gates(teams={TEAM.id: dict.fromkeys(off, False)}),
    )
    return decisions.plan(view, structs.replace(WISH, **changes))


def test_without_learned_routing_the_prompt_is_routed_by_its_complexity() -> None:
    before, after = plan().decision, plan(Feature.LEARNED_ROUTING).decision

    assert (before.strategy, before.policy_version) == ("hybrid", 7)
    assert (after.strategy, after.policy_version, after.propensity) == ("complexity", None, 1.0)
    assert after.reasoning.startswith("learned routing is off: ")


def test_without_learned_routing_a_learned_strategy_by_name_is_no_error() -> None:
    assert plan(Feature.LEARNED_ROUTING, requested_model="auto:learning").decision.strategy == "complexity"
    with pytest.raises(UnknownStrategy):
        plan(Feature.LEARNED_ROUTING, requested_model="auto:telepathy")


def test_other_teams_go_on_being_routed_by_what_was_learned() -> None:
    assert plan(Feature.LEARNED_ROUTING, team=OTHER_TEAM).decision.strategy == "hybrid"


def test_without_experiments_no_request_is_split() -> None:
    before, after = plan(arms=BY_COMPLEXITY), plan(Feature.EXPERIMENTS, arms=BY_COMPLEXITY)

    assert before.assignment is not None
    assert after.assignment is None
    assert after.decision.strategy == "hybrid"


def test_without_experiments_who_names_one_is_refused() -> None:
    with pytest.raises(FeatureDisabled, match="Feature disabled: experiments"):
        plan(Feature.EXPERIMENTS, arms=BY_COMPLEXITY, experiment_id=42)


def test_without_learned_routing_an_experiment_with_a_learned_arm_takes_no_requests() -> None:
    before, after = plan(arms=LEARNED), plan(Feature.LEARNED_ROUTING, arms=LEARNED)

    assert before.assignment is not None
    assert after.assignment is None
    assert after.decision.strategy == "complexity"


def test_without_learned_routing_an_experiment_between_rules_goes_on() -> None:
    assert plan(Feature.LEARNED_ROUTING, arms=BY_COMPLEXITY).assignment is not None


def test_without_learned_routing_who_names_a_learned_experiment_is_refused() -> None:
    with pytest.raises(FeatureDisabled, match="Feature disabled: learned_routing"):
        plan(Feature.LEARNED_ROUTING, arms=LEARNED, experiment_id=42)
