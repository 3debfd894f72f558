"""What was tampered with is found and told; what agrees passes, also the ledger rows of a real gateway."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from accounts.models import Budget, BudgetPeriod
from feedback.models import FeedbackTally, ResponseFeedback
from feedback.services import tallies
from monitoring.models import Alert, IntegrityCheck
from monitoring.services import alert_defaults, alerts, integrity
from routing.models import LedgerEntry, UsageBucket
from routing.services import rollups
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(days=2)

# 1,000 tokens in at one dollar a million and 200 out at two: 1,000,000 and 400,000 nano-dollars.
PRICE = {"input_usd_per_mtok": "1", "output_usd_per_mtok": "2"}
BASELINE = {"input_usd_per_mtok": "2", "output_usd_per_mtok": "5"}
COST, BASELINE_COST = 1_400_000, 3_000_000


@pytest.fixture
def world() -> LedgerEntry:
    """Have one request that was billed, rated, counted against a budget, and added up; return its row."""
    team = factories.team()
    budget = Budget.objects.create(team=team, period="day", limit_nano_usd=10_000_000)
    period = BudgetPeriod.objects.create(
        budget=budget, period_start=NOON.date(), limit_nano_usd=10_000_000, spent_nano_usd=COST
    )
    row = factories.ledger_entry(
        team,
        price_snapshot=PRICE,
        baseline_price_snapshot=BASELINE,
        cost_nano_usd=COST,
        baseline_cost_nano_usd=BASELINE_COST,
        attempts=[{"state": "succeeded", "cost_nano_usd": COST}],
        budget_period_ids=[period.id],
    )
    # Four stars and correct: (0.75 + 1) / 2.
    factories.feedback(team, ledger_request_id=row.request_id, reward=0.875)
    rollups.roll(now=LATER)
    tallies.add_up(now=LATER)
    return row


def failed(*, full: bool = True) -> list[str]:
    if full:
        return [result["name"] for result in integrity.full_check(now=LATER).results if not result["passed"]]
    found: list[str] = integrity.spot_check(now=LATER)["failed"]
    return found


@pytest.mark.parametrize("full", [False, True])
def test_what_agrees_passes_and_is_kept(world: LedgerEntry, full: bool) -> None:
    assert failed(full=full) == []
    check = IntegrityCheck.objects.get()
    looked_at = {result["name"]: result["looked_at"] for result in check.results}
    assert check.pass_rate == 1.0
    assert min(looked_at.values()) >= 1


def _rows(**values: Any) -> Callable[[], object]:
    return lambda: LedgerEntry.objects.update(**values)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (_rows(savings_nano_usd=F("savings_nano_usd") + 1), {"ledger_figures", "usage_rollups"}),
        (_rows(output_tokens=201), {"ledger_figures", "usage_rollups"}),
        (_rows(baseline_price_snapshot=PRICE), {"ledger_figures"}),
        (_rows(attempts=[{"state": "succeeded", "cost_nano_usd": COST - 1}]), {"ledger_figures"}),
        (_rows(state="pending"), {"ledger_open_rows", "usage_rollups"}),
        (lambda: UsageBucket.objects.filter(team=None).update(figures='{"total": []}'), {"usage_rollups"}),
        (lambda: BudgetPeriod.objects.update(spent_nano_usd=COST + 1), {"budgets"}),
        # Nothing is open, so nothing may be reserved.
        (lambda: BudgetPeriod.objects.update(reserved_nano_usd=5), {"budgets"}),
        (lambda: ResponseFeedback.objects.update(reward=0.9), {"feedback_rewards"}),
        (
            lambda: ResponseFeedback.objects.update(ledger_request_id="00000000-0000-0000-0000-000000000001"),
            {"feedback_links"},
        ),
        (lambda: FeedbackTally.objects.update(stars=5), {"feedback_tallies"}),
    ],
)
def test_what_was_changed_behind_the_products_back_is_found(
    world: LedgerEntry, harm: Callable[[], object], found: set[str], full: bool
) -> None:
    harm()
    # A trigger marks the hours of changed ledger rows on PostgreSQL: they are read from the ledger, so nothing differs.
    assert found - {"usage_rollups"} <= set(failed(full=full)) <= found


def test_a_failed_check_fires_at_once_and_a_good_one_resolves(world: LedgerEntry) -> None:
    alert_defaults.ensure()
    BudgetPeriod.objects.update(spent_nano_usd=COST + 1)
    integrity.spot_check(now=LATER)

    alerts.evaluate(now=LATER)

    fired = Alert.objects.get(kind="integrity-failed")
    assert (fired.state, fired.severity) == ("firing", "critical")
    assert "budgets" in fired.message
    BudgetPeriod.objects.update(spent_nano_usd=COST)
    integrity.spot_check(now=LATER + timedelta(hours=1))
    alerts.evaluate(now=LATER + timedelta(hours=1))
    fired.refresh_from_db()
    assert fired.state == "resolved"


def test_an_empty_installation_passes() -> None:
    assert failed(full=False) == []
