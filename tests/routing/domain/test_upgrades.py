from decimal import Decimal

import pytest
from msgspec import structs

from routing.domain import upgrades
from routing.domain.catalog import Candidate
from routing.domain.decision import Controls, RoutingDecision
from routing.domain.situation import Situation
from tests.routing.domain.specs import features, model

TINY = Candidate(model("a/tiny", "simple"), Decimal("0.001"), 0.70)
SMALL = Candidate(model("a/small", "moderate"), Decimal("0.003"), 0.82)
OTHER = Candidate(model("b/other", "moderate"), Decimal("0.004"), 0.85)
CLEVER = Candidate(model("c/clever", "complex"), Decimal("0.002"), 0.92)
DEAR = Candidate(model("d/dear", "complex"), Decimal("0.050"), 0.95)


def situation(*pool: Candidate, wanted: float | None = None, team: float | None = None) -> Situation:
    return Situation(features(), pool, Controls(min_quality=wanted), team_min_quality=team)


def decision(chosen: Candidate, *pool: Candidate) -> RoutingDecision:
    return RoutingDecision("learning", chosen, pool, "high", 0.9, "it is worth most", 7, chosen.model.full_name)


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        ((TINY, SMALL, OTHER, DEAR), SMALL),
        ((TINY, DEAR), TINY),
        ((CLEVER, DEAR), CLEVER),
    ],
)
def test_usual_is_the_cheapest_of_the_middle_tier_else_of_the_lowest(
    pool: tuple[Candidate, ...], expected: Candidate
) -> None:
    assert upgrades.usual(situation(*pool), pool) == expected


@pytest.mark.parametrize(("wanted", "team"), [(0.95, None), (None, 0.95), (0.95, 0.1)])
def test_usual_is_good_enough_for_what_request_and_team_want(wanted: float | None, team: float | None) -> None:
    pool = (TINY, SMALL, DEAR)
    assert upgrades.usual(situation(*pool, wanted=wanted, team=team), pool) == DEAR


def test_minimum_of_a_team_that_nobody_reaches_leaves_the_usual_one() -> None:
    assert upgrades.usual(situation(TINY, SMALL, DEAR, team=0.99), (TINY, SMALL, DEAR)) == SMALL


def test_only_what_costs_more_than_the_usual_is_an_upgrade() -> None:
    pool = (TINY, SMALL, OTHER, DEAR)
    assert [upgrades.is_upgrade(decision(chosen, *pool), SMALL) for chosen in pool] == [False, False, True, True]


def test_what_has_no_price_is_an_upgrade() -> None:
    assert upgrades.is_upgrade(decision(structs.replace(DEAR, expected_cost_usd=None), TINY, DEAR), TINY)


def test_held_decision_is_for_the_best_within_the_usual_cost_and_no_strategys() -> None:
    pool = (TINY, CLEVER, SMALL, DEAR)
    found = upgrades.held(decision(DEAR, *pool), situation(*pool), SMALL, "capped at 40 %")
    assert found == RoutingDecision(
        "capped", CLEVER, pool, None, 1.0, "capped at 40 %: c/clever instead of d/dear; it is worth most", None, None
    )


def test_of_equals_the_cheapest_is_taken() -> None:
    twin = structs.replace(SMALL, model=model("b/twin", "moderate"))
    pool = (SMALL, twin, DEAR)
    assert upgrades.held(decision(DEAR, *pool), situation(*pool), twin, "why").chosen == SMALL
