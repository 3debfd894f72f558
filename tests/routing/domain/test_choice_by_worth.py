"""Where nobody names a floor, quality is weighed against cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.domain import strategies
from routing.domain.decision import RoutingDecision
from routing.domain.situation import Situation
from tests.routing.domain.learned import CHEAP, COMPLEX, MODERATE, SIMPLE, policy, situation

# Expected costs are 0.0004, 0.0016, 0.016 and 0.16 dollars.
KNOWN = {"b/cheap": (0.80, 0.75), "a/simple": (0.90, 0.86), "a/moderate": (0.91, 0.86), "a/complex": (0.95, 0.93)}


def learning(given: Situation) -> RoutingDecision:
    return strategies.get("learning").decide(given)


@pytest.mark.parametrize(
    ("usd_per_quality", "chosen"),
    [
        # Each step is worth its price from (more dollars / more quality) on: cheap to simple 0.0012 / 0.1 = 0.012,
        # simple to moderate 0.0144 / 0.01 = 1.44, moderate to complex 0.144 / 0.04 = 3.6.
        (0.011, CHEAP),
        (0.013, SIMPLE),
        (1.4, SIMPLE),
        (1.5, MODERATE),
        (3.5, MODERATE),
        (3.7, COMPLEX),
    ],
)
def test_model_that_is_most_worth_its_cost_answers(usd_per_quality: float, chosen: object) -> None:
    decision = learning(situation(policy(usd_per_quality=usd_per_quality), forecasts=KNOWN))
    assert (decision.chosen.model, decision.confidence) == (chosen, "high")


@pytest.mark.parametrize("wanted", [{"min_quality": 0.92}, {"team_min_quality": 0.92}])
def test_floor_that_somebody_named_is_held_by_the_cheapest(wanted: dict[str, float]) -> None:
    decision = learning(situation(policy(usd_per_quality=0.001), forecasts=KNOWN, **wanted))  # type: ignore[arg-type]
    assert decision.chosen.model == COMPLEX


@pytest.mark.parametrize(("lower", "confidence"), [(0.71, "high"), (0.69, "medium"), (0.56, "medium"), (0.54, "low")])
def test_confidence_falls_with_the_doubt_about_the_chosen_model(lower: float, confidence: str) -> None:
    known = {"b/cheap": (0.80, lower), "a/simple": (0.5, 0.4)}
    assert learning(situation(policy(usd_per_quality=1.0), forecasts=known)).confidence == confidence


def test_reason_names_quality_and_what_decided() -> None:
    decision = learning(situation(policy(usd_per_quality=0.013), forecasts=KNOWN))
    assert decision.reasoning == (
        "code prompt: of 4 models the one whose predicted quality, 0.90 and likely at least 0.86, "
        "is most worth its cost"
    )


def test_only_a_model_that_may_be_worth_more_is_explored() -> None:
    # With a dollar for quality, complex costs 0.16 of it: even at its upper bound, 0.97, it is worth less than simple.
    given = situation(policy(usd_per_quality=1.0, exploration_share=0.2), forecasts=KNOWN, draw=0.9)
    probabilities = strategies.probabilities("learning", given)
    assert probabilities["a/complex"] == 0.0
    # Moderate at 0.96 less 0.016 may be worth more than simple at 0.90 less 0.0016; cheap reaches 0.85 and may not.
    assert probabilities["a/moderate"] == pytest.approx(0.2)
    assert probabilities["b/cheap"] == 0.0


@given(st.floats(1e-6, 100.0), st.floats(1.0, 10.0))
def test_who_pays_more_for_quality_is_never_served_worse(usd_per_quality: float, more: float) -> None:
    served = [
        learning(situation(policy(usd_per_quality=value), forecasts=KNOWN)).chosen
        for value in (usd_per_quality, usd_per_quality * more)
    ]
    qualities = [candidate.expected_quality or 0.0 for candidate in served]
    assert qualities[0] <= qualities[1]
