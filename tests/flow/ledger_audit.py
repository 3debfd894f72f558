"""Compares the ledger with the fake provider's own books."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from accounts.models import BudgetPeriod
from routing.models import LedgerEntry
from tests.fake_upstream.tally import Exchange

_NANO_USD_PER_USD_PER_MTOK = 1000


def attempts() -> list[dict[str, Any]]:
    """Return every attempt of every row."""
    return [attempt for entry in LedgerEntry.objects.order_by("request_id") for attempt in entry.attempts]


def recorded_ids() -> Counter[str]:
    return Counter(attempt["attempt_id"] for attempt in attempts())


def tallied_ids(exchanges: Iterable[Exchange]) -> Counter[str]:
    return Counter(exchange.attempt_id for exchange in exchanges)


def tallied_cost_nano_usd(exchange: Exchange, price_snapshot: dict[str, str]) -> int:
    """Price what the provider reported at the rates that the ledger kept; for prices without special rates."""
    usd_per_mtok = exchange.prompt_tokens * Decimal(price_snapshot["input_usd_per_mtok"])
    usd_per_mtok += exchange.completion_tokens * Decimal(price_snapshot["output_usd_per_mtok"])
    return int(usd_per_mtok * _NANO_USD_PER_USD_PER_MTOK)


def pending() -> int:
    return LedgerEntry.objects.filter(state=LedgerEntry.State.PENDING).count()


def cost_nano_usd(team_id: int) -> int:
    total = LedgerEntry.objects.filter(team_id=team_id).aggregate(total=Sum("cost_nano_usd"))["total"]
    return total or 0


def spent_and_reserved(team_id: int) -> tuple[int, int]:
    """Return what the team's only budget has spent and reserved in its only period."""
    return BudgetPeriod.objects.values_list("spent_nano_usd", "reserved_nano_usd").get(budget__team_id=team_id)
