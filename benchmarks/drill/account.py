"""Holds the ledger against the provider's books and the clients' answers: python -m benchmarks.drill.account TALLY IDS.

Prints the facts as JSON; what is lost is a list of sentences, empty when nothing is.
"""

import json
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import django

from tests.fake_upstream.tally import Exchange, read


def main() -> None:
    django.setup()
    from accounts.models import BudgetPeriod
    from routing.models import LedgerEntry

    exchanges = [exchange for exchange in read(Path(sys.argv[1])) if exchange.attempt_id]
    answered = set(Path(sys.argv[2]).read_text().split())
    rows = {str(row.request_id): row for row in LedgerEntry.objects.all()}
    recorded = Counter(attempt["attempt_id"] for row in rows.values() for attempt in row.attempts)
    lost = []
    if unrecorded := [each.attempt_id for each in exchanges if not recorded[each.attempt_id]]:
        lost.append(f"{len(unrecorded)} exchanges with the provider are not in the ledger")
    if doubled := [attempt for attempt, times in recorded.items() if times > 1]:
        lost.append(f"{len(doubled)} exchanges are in the ledger more than once")
    unsettled = [name for name in answered if name not in rows or rows[name].state != LedgerEntry.State.SETTLED]
    if unsettled:
        lost.append(f"{len(unsettled)} answers have no settled row: {', '.join(sorted(unsettled)[:3])}")
    if pending := sum(row.state == LedgerEntry.State.PENDING for row in rows.values()):
        lost.append(f"{pending} rows are still pending")
    prices = {attempt["attempt_id"]: (attempt, row) for row in rows.values() for attempt in row.attempts}
    if wrong := [
        each for each in exchanges if each.attempt_id in prices and not _is_right(each, *prices[each.attempt_id])
    ]:
        lost.append(
            f"{len(wrong)} exchanges cost neither their tokens times their price nor what was reserved for them"
        )
    spent = {period.budget.period: period for period in BudgetPeriod.objects.select_related("budget")}
    cost = sum(row.cost_nano_usd or 0 for row in rows.values())
    for name, period in spent.items():
        if period.spent_nano_usd != cost or period.reserved_nano_usd:
            lost.append(
                f"the budget of the {name} has spent {period.spent_nano_usd} and reserved {period.reserved_nano_usd}, "
                f"the ledger says {cost}"
            )
    states = Counter(row.state for row in rows.values())
    print(json.dumps({"rows": len(rows), "states": states, "exchanges": len(exchanges), "cost": cost, "lost": lost}))


def _is_right(exchange: Exchange, attempt: dict[str, Any], row: Any) -> bool:
    """What nobody could see the end of is billed at its reservation, all else at what the provider reported."""
    if "cost_nano_usd" not in attempt:
        # Still open, and counted as that.
        return True
    if attempt["is_estimated"]:
        return bool(attempt["cost_nano_usd"] == attempt["reserved_nano_usd"])
    usd_per_mtok = exchange.prompt_tokens * Decimal(row.price_snapshot["input_usd_per_mtok"])
    usd_per_mtok += exchange.completion_tokens * Decimal(row.price_snapshot["output_usd_per_mtok"])
    return bool(int(usd_per_mtok * 1000) == attempt["cost_nano_usd"])


if __name__ == "__main__":
    main()
