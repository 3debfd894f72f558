from datetime import UTC, date, datetime

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from accounts import selectors
from accounts.services import budgets
from tests import factories

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
TODAY = date(2026, 3, 4)

pytestmark = pytest.mark.django_db


def test_a_key_counts_against_its_teams_budgets_and_its_own() -> None:
    team = factories.team("search", baseline_model="gpt", cache_ttl_seconds=60)
    first, _ = factories.api_key(team, scopes=["admin"], requests_per_minute=5)
    second, _ = factories.api_key(team)
    factories.api_key()
    of_team = budgets.set_budget(team=team, period="day", limit_nano_usd=10, today=TODAY)
    of_first = budgets.set_budget(team=team, api_key=first, period="day", limit_nano_usd=10, today=TODAY)

    keys = selectors.active_keys(NOW)

    assert [key.budget_ids for key in keys] == [(of_team.id, of_first.id), (of_team.id,), ()]
    assert keys[0].team is keys[1].team
    assert keys[0].team == selectors.TeamInfo(team.id, "search", "gpt", 60, None)
    assert (keys[0].scopes, keys[0].requests_per_minute) == (frozenset({"admin"}), 5)
    assert keys[1].key_hash == second.key_hash


def test_active_keys_take_two_statements(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for _ in range(3):
        factories.api_key()

    with django_assert_num_queries(2):
        selectors.active_keys(NOW)


def test_the_status_shows_the_current_period_also_before_its_first_request() -> None:
    team = factories.team("search")
    day = budgets.set_budget(team=team, period="day", limit_nano_usd=100, today=TODAY)
    budgets.set_budget(team=team, period="month", limit_nano_usd=900, today=TODAY)
    budgets.set_budget(team=factories.team(), period="day", limit_nano_usd=1, today=TODAY)
    with transaction.atomic():
        [outcome] = budgets.reserve([budgets.Reservation((day.id,), 40)], TODAY)
        budgets.apply_changes([budgets.PeriodChange(outcome.period_ids[0], -15, 5)])

    first, second = selectors.budget_statuses(team, TODAY)

    assert first == selectors.BudgetStatus(
        budget_id=day.id,
        team_slug="search",
        api_key_prefix=None,
        period="day",
        period_start=TODAY,
        is_hard=True,
        limit_nano_usd=100,
        spent_nano_usd=5,
        reserved_nano_usd=25,
        overrun_nano_usd=0,
        left_nano_usd=70,
    )
    assert (second.period, second.period_start, second.left_nano_usd) == ("month", date(2026, 3, 1), 900)
    assert len(selectors.budget_statuses(None, TODAY)) == 3
    assert selectors.budget_statuses(team, date(2026, 3, 5))[0].left_nano_usd == 100
