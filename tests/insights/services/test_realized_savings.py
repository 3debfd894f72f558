"""Requests before the action cost 1,000,000 nano-dollars each unless a test says otherwise."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.models import Team
from insights.domain.finding import ActionKind
from insights.models import AppliedAction
from insights.services import actions, realized
from routing.models import LedgerEntry
from tests import factories
from tests.insights.actionable import LARGE, NOW, SMALL, finding, team_with_models

pytestmark = pytest.mark.django_db

BEFORE, SINCE, LATER = NOW - timedelta(days=3), NOW + timedelta(hours=2), NOW + timedelta(days=1)


@pytest.fixture
def team() -> Team:
    return team_with_models()


def requests(team: Team, at: datetime, count: int = 30, **fields: Any) -> None:
    values = {"pattern": "code", "provider": "openai", "served_model": "gpt-large", "created_at": at, **fields}
    rows = [factories.unsaved_ledger_entry(team, **values) for _ in range(count)]
    LedgerEntry.objects.bulk_create(rows)


def applied(team: Team, kind: ActionKind, **parameters: Any) -> AppliedAction:
    return actions.apply(finding(team, kind, **parameters), actor="jo", now=NOW)


def routed(team: Team) -> AppliedAction:
    return applied(team, ActionKind.ROUTE_PATTERN, pattern="code", model=SMALL)


def measured(action: AppliedAction, now: datetime = LATER) -> AppliedAction:
    realized.measure_all(now=now)
    action.refresh_from_db()
    return action


def test_saving_is_what_the_requests_would_have_cost_less_what_they_cost(team: Team) -> None:
    requests(team, BEFORE)
    action = routed(team)
    requests(team, SINCE, 40, cost_nano_usd=250_000)
    found = measured(action)
    # 40 requests at 1,000,000 less 40 at 250,000.
    assert (found.realized_nano_usd, found.is_compared, found.measured_at) == (30_000_000, False, LATER)


def test_what_got_dearer_for_all_is_not_put_down_to_the_action(team: Team) -> None:
    requests(team, BEFORE)
    requests(team, BEFORE, pattern="factual")
    action = routed(team)
    requests(team, SINCE, cost_nano_usd=250_000)
    requests(team, SINCE, pattern="factual", cost_nano_usd=2_000_000)
    found = measured(action)
    # Without it 30 requests would have doubled to 2,000,000 each.
    assert (found.realized_nano_usd, found.is_compared) == (52_500_000, True)


def test_named_models_other_teams_stand_ins_and_cached_answers_are_not_counted(team: Team) -> None:
    requests(team, BEFORE)
    action = routed(team)
    requests(team, SINCE, cost_nano_usd=250_000)
    requests(team, SINCE, 29, strategy="named", cost_nano_usd=9_000_000)
    requests(factories.team(), SINCE, cost_nano_usd=9_000_000)
    requests(team, SINCE, is_simulated=True, cost_nano_usd=9_000_000)
    requests(team, SINCE, is_cache_hit=True, cost_nano_usd=0)
    assert measured(action).realized_nano_usd == 22_500_000


def test_patterns_that_a_model_was_chosen_for_are_what_leaving_it_out_changes(team: Team) -> None:
    requests(team, BEFORE)
    requests(team, BEFORE, pattern="factual", served_model="gpt-small", cost_nano_usd=10_000)
    action = applied(team, ActionKind.EXCLUDE_MODEL, model=LARGE)
    assert action.baseline["scope"] == {"patterns": ["code"]}
    requests(team, SINCE, served_model="gpt-small", cost_nano_usd=400_000)
    assert measured(action).realized_nano_usd == 18_000_000


def test_hits_of_the_cache_are_worth_what_their_model_charges(team: Team) -> None:
    action = applied(team, ActionKind.ENABLE_RESPONSE_CACHE)
    requests(team, SINCE, 2, is_cache_hit=True, cost_nano_usd=0)
    # 2 x (1,000 + 200) tokens at 10 dollars a million.
    assert measured(action).realized_nano_usd == 24_000_000


def test_too_little_traffic_and_actions_that_save_nothing_say_so(team: Team) -> None:
    requests(team, BEFORE)
    few = measured(routed(team))
    assert (few.realized_nano_usd, few.assumption) == (None, "Both before and after, 30 requests are needed.")
    other = factories.team()
    budget = measured(applied(other, ActionKind.SET_BUDGET, period="month", limit_nano_usd=1))
    assert budget.realized_nano_usd is None
    assert budget.assumption.startswith("A budget keeps spend within its limit")


def test_time_after_it_was_taken_back_does_not_count(team: Team) -> None:
    requests(team, BEFORE)
    action = routed(team)
    requests(team, SINCE, cost_nano_usd=250_000)
    actions.revert(action, actor="jo", now=SINCE + timedelta(hours=1))
    requests(team, SINCE + timedelta(hours=2), cost_nano_usd=250_000)
    assert measured(action).realized_nano_usd == 22_500_000


def test_figures_of_long_ago_are_measured_no_more(team: Team) -> None:
    action = measured(routed(team))
    assert realized.measure_all(now=NOW + timedelta(days=92)) == {"measured": 0, "changed": 0}
    assert realized.measure_all(now=NOW + timedelta(days=90)) == {"measured": 1, "changed": 0}
    actions.revert(action, actor="jo", now=LATER)
    assert realized.measure_all(now=LATER + timedelta(days=2)) == {"measured": 0, "changed": 0}
