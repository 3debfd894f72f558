from decimal import Decimal

import pytest

from routing.domain import strategies
from routing.domain.catalog import ModelSpec
from routing.domain.decision import Controls, NoEligibleModel, RoutingDecision
from routing.domain.situation import Situation
from tests.routing.domain.specs import candidate, features, model, price

CHEAP = price("0.1", "0.2")
SIMPLE, SIMPLE_CHEAP = model("a/simple", "simple"), model("b/simple-cheap", "simple", price=CHEAP)
MODERATE, COMPLEX = model("a/moderate"), model("a/complex", "complex")
COMPLEX_CHEAP = model("b/complex-cheap", "complex", price=CHEAP)


def decide(tier: str, *models: ModelSpec, min_quality: float | None = None) -> RoutingDecision:
    wanted = features(pattern="factual", complexity_score=0.1234, tier=tier)
    controls = Controls(min_quality=min_quality)
    return strategies.get("complexity").decide(Situation(wanted, [candidate(spec) for spec in models], controls))


def test_cheapest_model_of_the_prompts_tier_answers() -> None:
    decision = decide("simple", SIMPLE, SIMPLE_CHEAP, MODERATE, COMPLEX_CHEAP)
    assert decision.chosen.model == SIMPLE_CHEAP
    assert decision.reasoning == "factual prompt, complexity 0.12 (simple): cheapest of 2 simple models"


def test_choice_is_certain_and_without_evidence() -> None:
    decision = decide("simple", SIMPLE, COMPLEX)
    assert (decision.strategy, decision.confidence, decision.propensity) == ("complexity", "low", 1.0)
    assert [option.model for option in decision.considered] == [SIMPLE, COMPLEX]


@pytest.mark.parametrize(
    ("tier", "available", "chosen"),
    [
        ("simple", [MODERATE, COMPLEX_CHEAP], MODERATE),
        ("simple", [COMPLEX], COMPLEX),
        ("moderate", [SIMPLE_CHEAP, COMPLEX], COMPLEX),
        ("moderate", [SIMPLE], SIMPLE),
        ("complex", [SIMPLE_CHEAP, MODERATE], MODERATE),
    ],
)
def test_empty_tier_gives_way_to_the_next_above_then_below(
    tier: str, available: list[ModelSpec], chosen: ModelSpec
) -> None:
    assert decide(tier, *available).chosen.model == chosen


def test_reason_says_that_the_tier_was_left() -> None:
    assert decide("simple", MODERATE).reasoning == (
        "factual prompt, complexity 0.12 (simple): no simple model fits, so the only moderate model"
    )


@pytest.mark.parametrize(
    ("min_quality", "chosen"), [(0.0, SIMPLE), (0.70, SIMPLE), (0.71, MODERATE), (0.82, MODERATE), (0.92, COMPLEX)]
)
def test_wanted_quality_is_reached_by_the_lowest_tier_that_promises_it(min_quality: float, chosen: ModelSpec) -> None:
    assert decide("simple", SIMPLE, MODERATE, COMPLEX, min_quality=min_quality).chosen.model == chosen


def test_quality_out_of_reach_is_an_error_that_names_what_can_be_reached() -> None:
    with pytest.raises(NoEligibleModel, match=r"^2 models .* quality 0\.93; ask for at most 0\.92"):
        decide("simple", SIMPLE, COMPLEX, min_quality=0.93)


def test_no_candidates_are_an_error() -> None:
    with pytest.raises(NoEligibleModel, match=r"^0 models"):
        decide("simple")


def test_equal_costs_are_decided_by_name_whatever_the_order() -> None:
    twin_a, twin_b = model("a/twin", "simple"), model("b/twin", "simple")
    assert decide("simple", twin_b, twin_a).chosen.model == twin_a
    assert decide("simple", twin_a, twin_b).chosen.model == twin_a


def test_chosen_candidate_keeps_its_expected_cost() -> None:
    assert decide("simple", SIMPLE).chosen.expected_cost_usd == Decimal("0.0016")


def test_strategies_are_found_by_name() -> None:
    assert "complexity" in strategies.names()
    assert strategies.get("complexity").name == "complexity"


def test_unknown_name_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(strategies.UnknownStrategy, match=r"'cheapest'; use one of: .*complexity"):
        strategies.get("cheapest")
