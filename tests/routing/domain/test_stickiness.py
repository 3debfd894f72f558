from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from routing.domain import strategies
from routing.domain.catalog import ModelSpec
from routing.domain.costs import expected_cost
from routing.domain.decision import RoutingDecision
from routing.domain.policy import RoutingPolicy
from routing.domain.situation import SessionUse, Situation
from tests.routing.domain.learned import override, policy, situation
from tests.routing.domain.specs import model, price

# 10,000 tokens in and 300 out, in dollars: 0.0106 at the full rate of 1 a million; 0.0016 when all of it is cached.
HELD = model("a/held", "simple", price=price("1", "2", cached_input_usd_per_mtok=Decimal("0.1")))
# 0.00515
OTHER = model("b/other", "simple", price=price("0.5", "0.5"))
POOL = (HELD, OTHER)
LEARNED = policy(override(provider="b", model="other", avg_quality=4.0))


def long(policy: RoutingPolicy, cached_tokens: int, held: str = "a/held", **changes: Any) -> Situation:
    given = situation(policy, pool=POOL, session=SessionUse(held, 10_000, cached_tokens), **changes)
    features = structs.replace(given.features, input_tokens=10_000)
    priced = [
        structs.replace(candidate, expected_cost_usd=expected_cost(candidate.model, features))
        for candidate in given.candidates
    ]
    return structs.replace(given, features=features, candidates=priced)


def decide(given: Situation, name: str = "learning") -> RoutingDecision:
    return strategies.get(name).decide(given)


@pytest.mark.parametrize(
    ("cached_tokens", "chosen"),
    # Staying costs 0.0106 - 0.0000009 a cached token: as much as switching at 6,056 cached tokens.
    [(0, OTHER), (6_055, OTHER), (6_056, HELD), (10_000, HELD), (90_000, HELD)],
)
def test_session_stays_where_its_prompt_cache_saves_more_than_a_switch(cached_tokens: int, chosen: ModelSpec) -> None:
    # Nobody has rated either of them here, so they are equally good.
    given = long(replace(LEARNED, overrides={}), cached_tokens, pattern="creative")
    assert decide(given).chosen.model == chosen


def test_reason_names_the_session_and_what_would_have_been_chosen() -> None:
    decision = decide(long(replace(LEARNED, overrides={}), 10_000))
    assert decision.reasoning.startswith(
        "stays with the session's model, whose prompt cache makes a switch to b/other cost more than it saves; "
    )
    assert (decision.propensity, decision.greedy_model) == (1.0, "a/held")


@pytest.mark.parametrize("name", ["learning", "hybrid"])
def test_session_does_not_stay_with_a_model_that_is_not_as_good(name: str) -> None:
    # The other one earned the pattern: 4 stars are 0.75, and the prior of the tier is 0.70.
    assert decide(long(LEARNED, 10_000), name).chosen.model == OTHER


@pytest.mark.parametrize(("lower", "chosen"), [(0.79, OTHER), (0.80, HELD)])
def test_session_stays_only_while_its_model_clears_the_floor(lower: float, chosen: ModelSpec) -> None:
    forecasts = {"a/held": (0.85, lower), "b/other": (0.95, 0.94)}
    assert decide(long(policy(quality_floor=0.8), 10_000, forecasts=forecasts)).chosen.model == chosen


def test_model_that_is_no_longer_a_candidate_does_not_hold_its_session() -> None:
    assert decide(long(LEARNED, 10_000, held="a/withdrawn")).chosen.model == OTHER


def test_model_that_is_chosen_anyway_needs_no_session() -> None:
    decision = decide(long(LEARNED, 10_000, held="b/other"))
    assert (decision.chosen.model, "session" in decision.reasoning) == (OTHER, False)


def test_complexity_knows_no_sessions() -> None:
    assert decide(long(replace(LEARNED, overrides={}), 10_000), "complexity").chosen.model == OTHER
