"""Computes the money of a ledger row anew from its tokens and the rates it was billed at."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from routing.domain.pricing import PriceSchedule, PriceTier, cost_usd, to_nano_usd
from routing.domain.usage import Usage

_RATES = (
    "input_usd_per_mtok",
    "output_usd_per_mtok",
    "cached_input_usd_per_mtok",
    "cache_write_usd_per_mtok",
    "reasoning_usd_per_mtok",
    "request_usd",
)


@dataclass(frozen=True, slots=True)
class RowFigures:
    """What a row says of its money, in nano-dollars; None is unknown.

    ``is_measured`` says that the provider counted the tokens; otherwise the cost may be a reservation.
    """

    usage: Usage
    price: Mapping[str, Any] | None
    baseline_price: Mapping[str, Any] | None
    attempts: Sequence[Mapping[str, Any]]
    cost: int | None
    baseline: int | None
    savings: int | None
    is_measured: bool
    is_cache_hit: bool


def problems(row: RowFigures) -> Iterator[str]:
    """Yield what does not add up in a settled row; each with both figures."""
    if row.savings is not None and row.savings != (row.baseline or 0) - (row.cost or 0):
        yield f"savings are {row.savings}, the baseline less the cost is {(row.baseline or 0) - (row.cost or 0)}"
    costs = [attempt.get("cost_nano_usd") for attempt in row.attempts]
    known = [cost for cost in costs if cost is not None]
    if costs and len(known) == len(costs) and sum(known) != row.cost:
        yield f"the cost is {row.cost}, its attempts cost {sum(known)}"
    if not row.is_measured:
        return
    if row.price and known and not row.is_cache_hit and known[-1] != (expected := price_of(row.usage, row.price)):
        yield f"the last attempt cost {known[-1]}, its tokens at its rates cost {expected}"
    if row.baseline_price and row.baseline is not None:
        expected = price_of(row.usage, row.baseline_price)
        if row.baseline != expected:
            yield f"the baseline is {row.baseline}, the tokens at its rates cost {expected}"


def price_of(usage: Usage, price: Mapping[str, Any]) -> int:
    """Return the nano-dollars that tokens cost at rates as the ledger keeps them."""
    return to_nano_usd(cost_usd(usage, _schedule(price)))


def _schedule(price: Mapping[str, Any]) -> PriceSchedule:
    tiers = tuple(
        PriceTier(int(tier["from_input_tokens"]), **_decimals(tier, _RATES[:4])) for tier in price.get("tiers", ())
    )
    return PriceSchedule(**_decimals(price, _RATES), tiers=tiers)


def _decimals(rates: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: Decimal(rates[name]) for name in names if name in rates}
