from typing import Any

import pytest

from routing.domain import strategies
from routing.domain.decision import NoEligibleModel, RoutingDecision
from routing.domain.situation import Situation
from tests.routing.domain.learned import CHEAP, COMPLEX, MODERATE, POOL, SIMPLE, override, policy, situation
from tests.routing.domain.specs import model

KNOWN = {"b/cheap": (0.80, 0.75), "a/simple": (0.90, 0.86), "a/complex": (0.95, 0.93)}


def learning(given: Situation) -> RoutingDecision:
    return strategies.get("learning").decide(given)


def hybrid(given: Situation) -> RoutingDecision:
    return strategies.get("hybrid").decide(given)


@pytest.mark.parametrize("name", ["learning", "hybrid"])
def test_without_a_policy_complexity_decides_and_the_reason_says_so(name: str) -> None:
    decision = strategies.get(name).decide(situation())
    assert (decision.strategy, decision.chosen.model, decision.confidence) == (name, CHEAP, "low")
    assert (decision.propensity, decision.policy_version) == (1.0, None)
    assert decision.reasoning == (
        "no learned policy is active yet; code prompt, complexity 0.12 (simple): cheapest of 2 simple models"
    )


@pytest.mark.parametrize("name", ["learning", "hybrid"])
def test_pattern_that_no_model_has_earned_is_left_to_complexity(name: str) -> None:
    decision = strategies.get(name).decide(situation(policy(override()), pattern="creative", tier="moderate"))
    assert (decision.chosen.model, decision.policy_version) == (MODERATE, 7)
    assert decision.reasoning.startswith("no model has earned creative prompts yet; creative prompt")


def test_model_that_earned_the_pattern_answers() -> None:
    decision = learning(situation(policy(override(provider="a", model="complex"))))
    assert (decision.chosen.model, decision.confidence, decision.greedy_model) == (COMPLEX, "high", "a/complex")
    assert decision.reasoning == (
        "code prompt: a/complex earned it with 4.2 stars over 12 ratings, 85% correct (high confidence)"
    )


def test_ratings_replace_the_prior_of_the_model_that_earned_the_pattern() -> None:
    # (4.2 - 1) / 4
    assert learning(situation(policy(override()))).chosen.expected_quality == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"confidence": "low"}, "no model has earned code prompts yet"),
        ({"model": "withdrawn"}, "b/withdrawn, which earned code prompts, cannot serve this one"),
    ],
)
def test_override_that_may_not_or_cannot_serve_is_left_to_complexity(changes: dict[str, Any], reason: str) -> None:
    decision = learning(situation(policy(override(**changes)), tier="moderate"))
    assert decision.chosen.model == MODERATE
    assert decision.reasoning.startswith(f"{reason}; ")


@pytest.mark.parametrize(
    ("wanted", "chosen", "missed"),
    [
        ({"min_quality": 0.81}, MODERATE, "the request's minimum of 0.81"),
        ({"team_min_quality": 0.81}, MODERATE, "the team's minimum of 0.81"),
        ({"min_quality": 0.80, "team_min_quality": 0.99}, CHEAP, None),
    ],
)
def test_ratings_that_miss_the_wanted_quality_do_not_route(
    wanted: dict[str, Any], chosen: object, missed: str | None
) -> None:
    decision = learning(situation(policy(override()), **wanted))
    assert decision.chosen.model == chosen
    assert (f"the ratings of b/cheap miss {missed}" in decision.reasoning) is (missed is not None)


def test_ratings_are_held_against_the_floor_of_the_policy() -> None:
    assert "miss the policy's floor of 0.9" in learning(situation(policy(override(), quality_floor=0.9))).reasoning


def test_cheapest_model_whose_lower_bound_clears_the_floor_answers() -> None:
    # The best mean is 0.95, so the floor lies at 0.90 with a tolerance of 0.05, and at 0.85 with one of 0.10.
    assert learning(situation(policy(), forecasts=KNOWN)).chosen.model == COMPLEX
    assert learning(situation(policy(tolerance=0.1), forecasts=KNOWN)).chosen.model == SIMPLE
    assert learning(situation(policy(tolerance=0.2), forecasts=KNOWN)).chosen.model == CHEAP


def test_forecasts_are_told_with_the_candidates() -> None:
    decision = learning(situation(policy(), forecasts=KNOWN))
    told = {c.model.full_name: (c.expected_quality, c.quality_lower) for c in decision.considered}
    # The moderate model is unknown to the predictor and keeps the prior of its tier.
    assert told == {**KNOWN, "a/moderate": (0.82, None)}
    assert decision.reasoning == (
        "code prompt: the only model that clears the floor 0.05 below the best of 0.90, predicted quality 0.95, likely "
        "at least 0.93"
    )


@pytest.mark.parametrize(
    ("floors", "chosen"),
    [
        ({"min_quality": 0.75, "team_min_quality": 0.93}, CHEAP),
        ({"team_min_quality": 0.86}, SIMPLE),
        ({}, COMPLEX),
    ],
)
def test_request_wins_over_team_over_policy(floors: dict[str, Any], chosen: object) -> None:
    given = situation(policy(quality_floor=0.9), forecasts=KNOWN, **floors)
    assert learning(given).chosen.model == chosen


@pytest.mark.parametrize(
    ("floor", "confidence"),
    # The lower bound of the simple model is 0.86.
    [(0.83, "high"), (0.839, "high"), (0.845, "medium"), (0.86, "medium")],
)
def test_confidence_grows_with_the_distance_from_the_floor(floor: float, confidence: str) -> None:
    decision = learning(situation(policy(quality_floor=floor), forecasts=KNOWN))
    assert (decision.chosen.model, decision.confidence) == (SIMPLE, confidence)


def test_a_predictor_that_knows_few_of_the_candidates_is_at_most_of_medium_confidence() -> None:
    known = {"b/cheap": (0.9, 0.9), "a/simple": (0.9, 0.9)}
    fifth = model("c/fifth")
    given = policy(quality_floor=0.5)
    assert learning(situation(given, forecasts=known)).confidence == "high"
    assert learning(situation(given, pool=(*POOL, fifth), forecasts=known)).confidence == "medium"


def test_where_no_lower_bound_clears_the_best_mean_answers_with_low_confidence() -> None:
    decision = learning(situation(policy(quality_floor=0.94), forecasts=KNOWN))
    assert (decision.chosen.model, decision.confidence) == (COMPLEX, "low")
    assert "no model surely clears the policy's floor of 0.94" in decision.reasoning


def test_of_equally_good_models_the_cheapest_answers_where_none_clears() -> None:
    known = {"a/simple": (0.8, 0.5), "a/complex": (0.8, 0.5)}
    assert learning(situation(policy(), forecasts=known)).chosen.model == SIMPLE


def test_quality_that_the_best_mean_reaches_is_met_though_no_lower_bound_does() -> None:
    assert learning(situation(policy(), forecasts=KNOWN, min_quality=0.95)).chosen.model == COMPLEX


def test_quality_that_no_forecast_reaches_is_left_to_models_without_one() -> None:
    known = {"b/cheap": (0.5, 0.4), "a/simple": (0.6, 0.5)}
    decision = learning(situation(policy(), forecasts=known, min_quality=0.8))
    assert decision.chosen.model == MODERATE
    assert decision.reasoning.startswith("no model is predicted to reach the request's minimum of 0.8; ")


def test_quality_that_nothing_reaches_is_an_error_that_names_the_best_forecast() -> None:
    pool = (CHEAP, SIMPLE, COMPLEX)
    with pytest.raises(NoEligibleModel, match=r"ask for at most 0\.95"):
        learning(situation(policy(), pool=pool, forecasts=KNOWN, min_quality=0.96))


def test_quality_that_only_the_team_wants_is_no_error_when_it_is_missed() -> None:
    assert learning(situation(policy(), forecasts=KNOWN, team_min_quality=0.99)).chosen.model == COMPLEX


def test_predictor_that_knows_one_candidate_leaves_the_choice_to_the_table() -> None:
    decision = learning(situation(policy(override(model="simple", provider="a")), forecasts={"b/cheap": (0.99, 0.99)}))
    assert decision.chosen.model == SIMPLE
    assert decision.chosen.expected_quality == pytest.approx(0.8)


@pytest.mark.parametrize(("tier", "chosen"), [("simple", CHEAP), ("moderate", COMPLEX), ("complex", COMPLEX)])
def test_hybrid_follows_high_confidence_within_one_tier_of_complexity(tier: str, chosen: object) -> None:
    decision = hybrid(situation(policy(override(provider="a", model="complex")), tier=tier))
    assert (decision.strategy, decision.chosen.model) == ("hybrid", chosen)
    assert ("more than one tier from complexity's choice" in decision.reasoning) is (chosen is CHEAP)


def test_hybrid_marks_medium_confidence_as_experimental() -> None:
    decision = hybrid(situation(policy(override(confidence="medium")), tier="moderate"))
    assert (decision.chosen.model, decision.confidence) == (CHEAP, "medium")
    assert decision.reasoning.startswith("experimental: code prompt: b/cheap earned it")


def test_hybrid_leaves_low_confidence_to_complexity() -> None:
    decision = hybrid(situation(policy(quality_floor=0.94), forecasts=KNOWN))
    assert decision.chosen.model == CHEAP
    assert decision.reasoning.startswith("what was learned is of low confidence (a/complex); ")


def test_hybrid_follows_a_predictor_that_is_sure() -> None:
    decision = hybrid(situation(policy(quality_floor=0.8), forecasts=KNOWN, tier="moderate"))
    assert (decision.chosen.model, decision.confidence, decision.policy_version) == (SIMPLE, "high", 7)


@pytest.mark.parametrize(("wanted", "chosen"), [(0.7, CHEAP), (0.71, MODERATE), (0.92, COMPLEX), (0.99, COMPLEX)])
def test_complexity_reaches_for_the_quality_of_the_team_and_takes_the_best_it_finds(
    wanted: float, chosen: object
) -> None:
    assert strategies.get("complexity").decide(situation(team_min_quality=wanted)).chosen.model == chosen
