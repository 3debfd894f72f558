from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from routing.domain import exploration, strategies
from routing.domain.catalog import TIERS, Candidate, ModelSpec
from routing.domain.decision import Controls, NoEligibleModel
from routing.domain.policy import Forecast
from routing.domain.situation import SessionUse, Situation
from tests.routing.domain.learned import (
    CHEAP,
    COMPLEX,
    MODERATE,
    POOL,
    SIMPLE,
    KnownForecasts,
    override,
    policy,
    situation,
)
from tests.routing.domain.specs import features, model, price

EXPLORING = policy(override(), exploration_share=0.1, random_share=0.04)
DRAWS = 2_000


def names_of(candidates: tuple[Candidate, ...]) -> list[str]:
    return [candidate.model.full_name for candidate in candidates]


def shortlisted(given: Situation, greedy: ModelSpec) -> list[str]:
    informed = given.informed()
    [chosen] = [candidate for candidate in informed.candidates if candidate.model == greedy]
    return names_of(exploration.shortlist(informed, chosen))


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """Any pool, policy, forecasts and controls."""
    count = draw(st.integers(1, 10))
    pool = [
        model(
            f"p/{number}",
            draw(st.sampled_from(TIERS)),
            price=price(str(draw(st.integers(1, 50))), str(draw(st.integers(1, 50)))),
        )
        for number in range(count)
    ]
    known = draw(st.sets(st.integers(0, count - 1)))
    forecasts = {}
    for number in known:
        mean = draw(st.floats(0.0, 1.0))
        forecasts[f"p/{number}"] = Forecast(mean, mean - draw(st.floats(0.0, 0.5)))
    chosen = override(
        provider="p",
        model=str(draw(st.integers(0, count))),
        confidence=draw(st.sampled_from(("high", "medium", "low"))),
    )
    learned = policy(
        *([chosen] if draw(st.booleans()) else []),
        predictor=KnownForecasts(forecasts) if forecasts else None,
        quality_floor=draw(st.none() | st.floats(0.0, 1.0)),
        tolerance=draw(st.floats(0.0, 0.3)),
        exploration_share=draw(st.floats(0.0, 0.5)),
        random_share=draw(st.floats(0.0, 0.5)),
    )
    return Situation(
        features=features(pattern="code", tier=draw(st.sampled_from(TIERS)), complexity_score=0.5),
        candidates=situation(pool=tuple(pool)).candidates,
        controls=Controls(min_quality=draw(st.none() | st.floats(0.0, 0.9))),
        policy=learned,
        forecasts=forecasts or None,
        team_min_quality=draw(st.none() | st.floats(0.0, 1.0)),
    )


def served(given: Situation) -> bool:
    try:
        strategies.probabilities("hybrid", given)
    except NoEligibleModel:
        return False
    return True


SERVED = situations().filter(served)
POLICY_STRATEGIES = st.sampled_from(("learning", "hybrid"))


@given(SERVED, POLICY_STRATEGIES)
def test_probabilities_cover_the_candidates_and_add_up_to_one(given: Situation, name: str) -> None:
    odds = strategies.probabilities(name, given)
    assert set(odds) == {candidate.model.full_name for candidate in given.candidates}
    assert sum(odds.values()) == pytest.approx(1.0)
    assert all(0.0 <= one <= 1.0 for one in odds.values())


@given(SERVED, POLICY_STRATEGIES, st.floats(0.0, 1.0, exclude_max=True))
def test_propensity_is_the_probability_of_the_choice_and_never_zero(given: Situation, name: str, draw: float) -> None:
    decision = strategies.get(name).decide(structs.replace(given, draw=draw))
    assert 0.0 < decision.propensity <= 1.0
    assert decision.propensity == strategies.probabilities(name, given)[decision.chosen.model.full_name]


@settings(max_examples=25)
@given(SERVED, POLICY_STRATEGIES)
def test_evenly_spread_draws_choose_as_often_as_the_probabilities_say(given: Situation, name: str) -> None:
    strategy = strategies.get(name)
    chosen = Counter(
        strategy.decide(structs.replace(given, draw=(number + 0.5) / 400)).chosen.model.full_name
        for number in range(400)
    )
    # A model has at most three intervals, and the grid of 400 counts each of them to less than one point.
    odds = strategies.probabilities(name, given)
    assert {model: count / 400 for model, count in chosen.items()} == pytest.approx(
        {model: odds[model] for model in chosen}, abs=3 / 400
    )
    assert all(odds[model] <= 3 / 400 for model in odds if model not in chosen)


@given(SERVED, POLICY_STRATEGIES, st.floats(0.0, 1.0, exclude_max=True))
def test_what_is_explored_satisfies_the_controls(given: Situation, name: str, draw: float) -> None:
    decision = strategies.get(name).decide(structs.replace(given, draw=draw))
    wanted = given.controls.min_quality if given.controls.min_quality is not None else given.team_min_quality
    is_greedy = decision.chosen.model.full_name == decision.greedy_model
    assert is_greedy or wanted is None or (decision.chosen.expected_quality or 0.0) >= wanted


@given(SERVED, POLICY_STRATEGIES)
def test_greedy_choice_is_the_most_likely_one(given: Situation, name: str) -> None:
    given = structs.replace(
        given, policy=given.policy and replace(given.policy, exploration_share=0.2, random_share=0.1)
    )
    odds = strategies.probabilities(name, given)
    greedy = strategies.get(name).decide(given)
    assert greedy.chosen.model.full_name == greedy.greedy_model
    assert odds[greedy.chosen.model.full_name] == max(odds.values())


@given(SERVED)
def test_complexity_is_certain(given: Situation) -> None:
    given = structs.replace(given, controls=Controls(), forecasts=None)
    odds = strategies.probabilities("complexity", given)
    assert sorted(odds.values()) == [0.0] * (len(odds) - 1) + [1.0]
    assert strategies.get("complexity").decide(structs.replace(given, draw=0.999)).propensity == 1.0


def test_shares_are_spread_evenly_over_what_they_may_try() -> None:
    # The choice and the cheapest of the other tiers are on the shortlist, 0.04 / 3 each; two of them share 0.1.
    odds = strategies.probabilities("learning", situation(EXPLORING))
    tried = 0.05 + 0.04 / 3
    expected = {"b/cheap": 0.86 + 0.04 / 3, "a/simple": 0.0, "a/moderate": tried, "a/complex": tried}
    assert odds == pytest.approx(expected)


@pytest.mark.parametrize(
    ("draw", "chosen", "start"),
    [
        (0.0, CHEAP, "code prompt: b/cheap earned it"),
        (0.8599, CHEAP, "code prompt: b/cheap earned it"),
        (0.8601, MODERATE, "tried, because it may turn out better; without that b/cheap: code prompt"),
        (0.9599, COMPLEX, "tried, because it may turn out better"),
        (0.9601, CHEAP, "drawn at random, to keep evidence honest; without that b/cheap"),
        (0.9999, COMPLEX, "drawn at random"),
    ],
)
def test_draw_decides_who_answers_and_the_reason_says_so(draw: float, chosen: ModelSpec, start: str) -> None:
    decision = strategies.get("learning").decide(situation(EXPLORING, draw=draw))
    assert (decision.chosen.model, decision.greedy_model) == (chosen, "b/cheap")
    assert decision.reasoning.startswith(start)
    assert decision.confidence == ("high" if chosen == CHEAP else "low")


def test_policy_explores_patterns_that_it_knows_nothing_of() -> None:
    odds = strategies.probabilities("hybrid", situation(EXPLORING, pattern="factual"))
    assert min(odds[name] for name in ("b/cheap", "a/moderate", "a/complex")) > 0


def test_shortlist_begins_with_the_choice_and_the_cheapest_of_each_tier() -> None:
    assert shortlisted(situation(policy()), MODERATE) == ["a/moderate", "b/cheap", "a/complex"]


def test_models_that_the_policy_has_evidence_of_are_on_the_shortlist() -> None:
    predictor = KnownForecasts({"a/moderate": Forecast(0.8, 0.7), "elsewhere/unknown": Forecast(0.8, 0.7)})
    known = policy(override(provider="a", model="simple"), predictor=predictor)
    assert shortlisted(situation(known), CHEAP) == ["b/cheap", "a/moderate", "a/complex", "a/simple"]


def test_shortlist_ends_at_six() -> None:
    pool = (*POOL, *(model(f"c/{number}") for number in range(9)))
    known = policy(predictor=KnownForecasts({f"c/{number}": Forecast(0.8, 0.7) for number in range(9)}))
    listed = shortlisted(situation(known, pool=pool), CHEAP)
    assert listed == ["b/cheap", "c/0", "a/complex", "c/1", "c/2", "c/3"]


def test_nothing_dearer_than_the_cheapest_of_the_top_tier_is_tried() -> None:
    dearest = model("z/dearest", "simple", price=price("1000", "1000"))
    known = policy(predictor=KnownForecasts({"z/dearest": Forecast(1.0, 1.0)}))
    assert "z/dearest" not in shortlisted(situation(known, pool=(*POOL, dearest)), CHEAP)


@pytest.mark.parametrize("wanted", [{"min_quality": 0.82}, {"team_min_quality": 0.82}])
def test_nothing_below_the_wanted_quality_is_tried(wanted: dict[str, Any]) -> None:
    assert shortlisted(situation(policy(), **wanted), MODERATE) == ["a/moderate", "a/complex"]


@pytest.mark.parametrize(
    ("cheap", "complex_", "tried"),
    # The moderate model is the choice: its mean is 0.90, its lower bound clears the floor of 0.85.
    [
        ((0.70, 0.54), (0.92, 0.80), ["b/cheap", "a/complex"]),  # upper bounds 0.86 and 1.0
        ((0.70, 0.56), (0.80, 0.69), ["a/complex"]),  # 0.84 misses the floor; 0.91 may beat the choice
        ((0.70, 0.56), (0.80, 0.71), []),  # 0.89 is dearer and cannot be better
    ],
)
def test_only_what_more_evidence_could_make_the_choice_is_explored(
    cheap: tuple[float, float], complex_: tuple[float, float], tried: list[str]
) -> None:
    pool = (CHEAP, MODERATE, COMPLEX)
    known = {"b/cheap": cheap, "a/moderate": (0.90, 0.88), "a/complex": complex_}
    odds = strategies.probabilities(
        "learning", situation(policy(quality_floor=0.85, exploration_share=0.1), pool=pool, forecasts=known)
    )
    assert [name for name, one in odds.items() if one and name != "a/moderate"] == tried
    assert odds["a/moderate"] == pytest.approx(0.9 if tried else 1.0)


def test_requests_of_a_live_session_explore_nothing() -> None:
    use = SessionUse("a/moderate", input_tokens=10, cached_tokens=0)
    assert strategies.probabilities("learning", situation(EXPLORING, session=use))["b/cheap"] == 1.0


def test_session_of_a_model_that_is_gone_counts_for_nothing() -> None:
    use = SessionUse("a/withdrawn", input_tokens=10, cached_tokens=0)
    assert strategies.probabilities("learning", situation(EXPLORING, session=use))["b/cheap"] < 1.0


def test_draw_of_a_request_is_the_same_whenever_it_is_asked_for() -> None:
    # printf %s "01a200de-0000-7000-8000-000000000000:7" | b2sum begins with 63b931c45b1596b5.
    request_id = "01a200de-0000-7000-8000-000000000000"
    assert exploration.draw_of(request_id, 7) == pytest.approx(0x63B931C45B1596B5 / 2**64)
    assert exploration.draw_of(request_id, 8) != exploration.draw_of(request_id, 7)


def test_draws_of_many_requests_are_spread_evenly() -> None:
    draws = sorted(exploration.draw_of(f"request-{number}", 1) for number in range(DRAWS))
    # Kolmogorov-Smirnov: an even spread stays within 1.63 / sqrt(2,000) = 0.036 with 99 % probability.
    assert max(abs(draw - (rank + 0.5) / DRAWS) for rank, draw in enumerate(draws)) < 0.036
    assert all(0.0 <= draw < 1.0 for draw in draws)


def test_expected_costs_order_the_pool_of_these_tests() -> None:
    costs = [candidate.expected_cost_usd for candidate in situation().candidates]
    assert costs == [Decimal("0.0004"), Decimal("0.0016"), Decimal("0.016"), Decimal("0.16")]
    assert [SIMPLE.tier, CHEAP.tier, MODERATE.tier, COMPLEX.tier] == ["simple", "simple", "moderate", "complex"]
