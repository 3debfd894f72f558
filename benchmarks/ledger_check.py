"""Proves that the ledger is exact after a run: every answer in it once, every nano-dollar where it belongs.

Started by `benchmarks.optimizer` with the gateway's environment, after the gateway has ended:
python -m benchmarks.ledger_check. Prints the facts as JSON; `problems` judges them.
"""

import json
from dataclasses import asdict, dataclass

from benchmarks.seed import PRICES

# What the fake provider says of every answer.
INPUT_TOKENS = 25
OUTPUT_TOKENS = 20


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """The ledger and the budgets in figures; money in nano-dollars. ``budgets`` holds one entry a calendar period."""

    rows_by_state: dict[str, int]
    settled_by_model: dict[str, int]
    cost_nano_usd: int
    budgets: dict[str, dict[str, int]]


def expected_cost_nano_usd(settled_by_model: dict[str, int]) -> int:
    """Return tokens times price, computed apart from the product: a micro-dollar a token is a thousand nano-dollars."""
    total = 0
    for model, count in settled_by_model.items():
        input_usd, output_usd = PRICES[model]
        total += count * int((INPUT_TOKENS * input_usd + OUTPUT_TOKENS * output_usd) * 1000)
    return total


def problems(facts: LedgerFacts, good_answers: int) -> list[str]:
    """Return what is wrong with the ledger, in words; nothing when it is exact."""
    found = []
    settled = facts.rows_by_state.get("settled", 0)
    if settled != good_answers:
        found.append(f"{settled} settled rows for {good_answers} good answers")
    if pending := facts.rows_by_state.get("pending", 0):
        found.append(f"{pending} rows still pending after the gateway ended")
    if unknown := set(facts.settled_by_model) - set(PRICES):
        return [*found, f"answers from models that are not the benchmark's: {', '.join(sorted(unknown))}"]
    expected = expected_cost_nano_usd(facts.settled_by_model)
    if facts.cost_nano_usd != expected:
        found.append(f"cost is {facts.cost_nano_usd} nano-dollars, tokens times price are {expected}")
    if not facts.budgets:
        found.append("no budget was charged")
    for name, amounts in facts.budgets.items():
        if amounts["spent"] != facts.cost_nano_usd:
            found.append(f"budget {name} has spent {amounts['spent']}, the ledger says {facts.cost_nano_usd}")
        if amounts["reserved"] or amounts["overrun"]:
            found.append(f"budget {name} holds {amounts['reserved']} reserved and {amounts['overrun']} overrun")
    return found


def main() -> None:
    import django

    django.setup()
    print(json.dumps(asdict(read_facts())))


def read_facts() -> LedgerFacts:
    """Read the facts from the database that Django is configured for."""
    from django.db.models import Count, Sum

    from accounts.models import BudgetPeriod
    from routing.models import LedgerEntry

    settled = LedgerEntry.objects.filter(state=LedgerEntry.State.SETTLED)
    by_state = LedgerEntry.objects.order_by().values_list("state").annotate(Count("request_id"))
    by_model = settled.order_by().values_list("served_model").annotate(Count("request_id"))
    periods = (
        BudgetPeriod.objects.order_by()
        .values_list("budget__period")
        .annotate(Sum("spent_nano_usd"), Sum("reserved_nano_usd"), Sum("overrun_nano_usd"))
    )
    return LedgerFacts(
        rows_by_state=dict(by_state),
        settled_by_model={str(model): count for model, count in by_model},
        cost_nano_usd=LedgerEntry.objects.aggregate(total=Sum("cost_nano_usd"))["total"] or 0,
        budgets={
            period: {"spent": spent, "reserved": reserved, "overrun": overrun}
            for period, spent, reserved, overrun in periods
        },
    )


if __name__ == "__main__":
    main()
