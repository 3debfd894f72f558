from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs
from pytest_django import Settings

from accounts.selectors import TeamInfo
from routing.domain.catalog import Candidate
from routing.domain.decision import Controls, RoutingDecision
from routing.domain.situation import Situation
from routing.services import response_cache, upgrades
from routing.services.wish import Wish
from tests.routing.domain.specs import features, model

TEAM = TeamInfo(1, "search", "", None, None, upgrade_limit_percent=50)
WISH = Wish({}, "auto", Controls(), TEAM, request_id="r")
SMALL = Candidate(model("a/small", "moderate"), Decimal("0.003"), 0.82)
DEAR = Candidate(model("d/dear", "complex"), Decimal("0.050"), 0.95)
SITUATION = Situation(features(), (SMALL, DEAR), Controls())


@pytest.fixture(autouse=True)
def soon(settings: Settings) -> None:
    settings.UPGRADE_LIMIT_AFTER = 10


def ask(chosen: Candidate, times: int = 1, *, wish: Wish = WISH, now: float = 0.0, **changes: Any) -> Counter[str]:
    """Decide so many requests in this way, and count what became of them."""
    made = RoutingDecision("complexity", chosen, (SMALL, DEAR), "low", 1.0, "it is hard", **changes)
    found = [upgrades.held(made, SITUATION, wish, now=now) for _ in range(times)]
    return Counter(f"{decision.strategy} {decision.chosen.model.name}" for decision in found)


def test_nothing_is_held_back_before_enough_was_asked() -> None:
    # The tenth request is the first that the limit may act on; of nine before it nine were upgrades.
    assert ask(DEAR, 10) == {"complexity dear": 9, "capped small": 1}


def test_share_of_upgrades_stays_at_the_limit() -> None:
    assert ask(SMALL, 10) == {"complexity small": 10}
    # At the n-th request from here u + 1 <= (10 + n) / 2 lets an upgrade pass: all up to the tenth, then every other.
    assert ask(DEAR, 10) == {"complexity dear": 10}
    assert ask(DEAR, 100) == {"complexity dear": 50, "capped small": 50}


def test_plain_requests_go_on_while_upgrades_are_held_back() -> None:
    ask(DEAR, 30)
    assert ask(SMALL, 5) == {"complexity small": 5}


def test_what_is_long_ago_counts_less() -> None:
    ask(DEAR, 40)
    # A half-life later the 40 count as 20, their 20 upgrades as 10: 11 of 21 are too many. After two more half-lives 21
    # requests count as 5.25, and fewer than ten are not acted on.
    assert ask(DEAR, 1, now=1800.0) == {"capped small": 1}
    assert ask(DEAR, 1, now=3 * 1800.0) == {"complexity dear": 1}


def test_each_team_is_counted_by_itself() -> None:
    ask(DEAR, 40)
    other = structs.replace(WISH, team=replace(TEAM, id=2))
    assert ask(DEAR, 9, wish=other) == {"complexity dear": 9}


@pytest.mark.parametrize(
    "wish",
    [
        structs.replace(WISH, team=None),
        structs.replace(WISH, request_id=None),
        structs.replace(WISH, team=replace(TEAM, upgrade_limit_percent=100)),
    ],
    ids=["no team", "a preview", "a team without a limit"],
)
def test_these_are_never_held_back(wish: Wish) -> None:
    assert ask(DEAR, 40, wish=wish) == {"complexity dear": 40}


def test_what_a_rule_of_the_team_chooses_is_neither_held_back_nor_counted() -> None:
    rule = RoutingDecision("rule", DEAR, (SMALL, DEAR), None, 1.0, "a rule")
    assert {upgrades.held(rule, SITUATION, WISH, now=0.0).strategy for _ in range(40)} == {"rule"}
    assert ask(DEAR, 9) == {"complexity dear": 9}


def test_team_without_a_limit_of_its_own_has_the_installations(settings: Settings) -> None:
    settings.UPGRADE_LIMIT_PERCENT = 20
    usual = structs.replace(WISH, team=replace(TEAM, upgrade_limit_percent=None))
    ask(SMALL, 100, wish=usual)
    # One of five, of 100 + 25 requests.
    assert ask(DEAR, 25, wish=usual) == {"complexity dear": 25}
    assert ask(DEAR, 100, wish=usual) == {"complexity dear": 20, "capped small": 80}


def test_no_more_teams_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrades, "MOST_TEAMS", 2)
    ask(DEAR, 40)
    for number in (2, 3):
        ask(DEAR, 1, wish=structs.replace(WISH, team=replace(TEAM, id=number)))
    assert ask(DEAR, 9) == {"complexity dear": 9}


def test_answers_given_instead_are_not_repeated_for_what_is_not_held_back() -> None:
    made = RoutingDecision("complexity", DEAR, (SMALL, DEAR), "low", 1.0, "it is hard")
    assert response_cache.decided_by(structs.replace(made, strategy="capped")) != response_cache.decided_by(made)
