"""Holds what the ledger says was spent against what the provider's books say, to the nano-dollar."""

from dataclasses import dataclass

from faults.evidence import Evidence
from faults.stack import INPUT_NANO_USD, OUTPUT_NANO_USD
from tests.fake_upstream.tally import Exchange


@dataclass(frozen=True, slots=True)
class Account:
    """Sums over a run, money in nano-dollars.

    Attributes:
        ledger: What all rows cost.
        tally: What the provider's counts cost at the price of the stack.
        flagged: What those attempts cost that the ledger flags as estimated, each billed at its reservation.
        flagged_attempts: How many these are.
        tally_of_flagged: What the provider's counts of the same attempts cost.
    """

    ledger: int
    tally: int
    flagged: int
    flagged_attempts: int
    tally_of_flagged: int

    @property
    def unexplained(self) -> int:
        """What is left of the difference when what is flagged is taken out on both sides."""
        return (self.ledger - self.flagged) - (self.tally - self.tally_of_flagged)


def of(found: Evidence) -> Account:
    """Add up the ledger and the books."""
    prices = {exchange.attempt_id: price_nano_usd(exchange) for exchange in found.exchanges}
    flagged = [attempt for _, attempt in found.attempts() if attempt.get("is_estimated")]
    return Account(
        ledger=sum(row["cost_nano_usd"] or 0 for row in found.rows),
        tally=sum(prices.values()),
        flagged=sum(attempt.get("cost_nano_usd") or 0 for attempt in flagged),
        flagged_attempts=len(flagged),
        tally_of_flagged=sum(prices.get(attempt["attempt_id"], 0) for attempt in flagged),
    )


def price_nano_usd(exchange: Exchange) -> int:
    """Return what an exchange costs; every model of the stack has the same price."""
    if not exchange.is_billed:
        return 0
    return exchange.prompt_tokens * INPUT_NANO_USD + exchange.completion_tokens * OUTPUT_NANO_USD
