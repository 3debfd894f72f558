"""A decision made again by a policy, from what the ledger kept."""

import pytest
from msgspec import structs

from routing.domain import policy as policy_domain
from routing.domain.policy import Forecast
from tests.learning.logged_traffic import LARGE, SMALL, TRIES, Shares, decision, document


def policy(model, shares=TRIES, **fields):
    return policy_domain.parse(document(model, shares, **fields), version=3, team_id=None, predictor=None)


def test_a_table_policy_sends_code_to_its_model_and_tries_the_other() -> None:
    # 0.6 greedily, 0.3 tried, 0.1 drawn from both.
    assert decision().odds(policy(LARGE), None) == {SMALL: pytest.approx(0.35), LARGE: pytest.approx(0.65)}


def test_no_policy_is_the_complexity_strategy() -> None:
    assert decision().odds(None, None) == {SMALL: 1.0, LARGE: 0.0}


@pytest.mark.parametrize("strategy", ["learning", "hybrid"])
def test_a_strategy_asked_for_by_name_is_followed_with_or_without_a_policy(strategy) -> None:
    assert decision(strategy=strategy).odds(None, None) == {SMALL: 1.0, LARGE: 0.0}
    assert decision(strategy=strategy).odds(policy(LARGE, strategy="complexity"), None)[LARGE] == pytest.approx(0.65)


def test_auto_is_what_the_policy_says_it_is() -> None:
    assert decision().odds(policy(LARGE, strategy="complexity"), None) == {SMALL: 1.0, LARGE: 0.0}


def test_forecasts_decide_where_there_are_two() -> None:
    # Both clear the floor of 0.7 with high confidence, so the cheaper one.
    forecasts = {SMALL: Forecast(0.9, 0.85), LARGE: Forecast(0.95, 0.9)}

    odds = decision().odds(policy(LARGE, Shares(0.0, 0.0), quality_floor=0.7), forecasts)

    assert odds == {SMALL: 1.0, LARGE: 0.0}


def test_a_minimum_of_the_team_counts_as_it_did() -> None:
    # The prior of the simple tier is 0.70, of the moderate one 0.82.
    assert decision(team_min_quality=0.8).odds(None, None) == {SMALL: 0.0, LARGE: 1.0}


def test_the_category_is_the_callers_own_where_there_is_one() -> None:
    features = decision().features

    assert decision().category == "code"
    assert decision(features=structs.replace(features, task="sql")).category == "task:sql"
