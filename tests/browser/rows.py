"""Rows that fill a page."""

import random
from datetime import timedelta

from django.utils import timezone

from accounts.models import BudgetPeriod
from accounts.services import budgets
from routing.models import LedgerEntry
from tests import factories

WHY = "simple factual prompt: the cheapest model above the floor of 0.80"


def a_busy_week() -> None:
    """Write 70 requests of team Alpha, ten a day, of two models; 12 ratings of one; a budget that is nearly spent."""
    team = factories.team("alpha", name="Alpha")
    now = timezone.now()
    spread = random.Random(0)
    rows = [
        factories.unsaved_ledger_entry(
            team,
            created_at=now - timedelta(hours=2.3 * number, seconds=1),
            settled_at=now - timedelta(hours=2.3 * number),
            served_model=("gpt-small", "gpt-small", "gpt-large")[number % 3],
            pattern=("code", "factual", "analysis")[number % 3],
            latency_ms=int(400 * spread.lognormvariate(0, 0.5)),
            reasoning=WHY,
        )
        for number in range(70)
    ]
    LedgerEntry.objects.bulk_create(rows)
    factories.mark_hours(rows)
    for number in range(12):
        factories.feedback(team, created_at=now - timedelta(hours=number), quality_score=4 + number % 2)
    budget = budgets.set_budget(team=team, period="month", limit_nano_usd=10 * 10**9, today=now.date())
    BudgetPeriod.objects.update_or_create(
        budget=budget,
        period_start=now.date().replace(day=1),
        defaults={"limit_nano_usd": 10 * 10**9, "spent_nano_usd": 9 * 10**9},
    )
