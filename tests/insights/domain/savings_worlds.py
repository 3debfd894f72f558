"""A small catalog, and rows to compare with it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from insights.domain.savings import price_book, rates
from insights.domain.savings.price_book import BATCH, STANDARD, DatedPrice, PriceBook, PricedModel
from insights.domain.savings.tally import Selection, Tally
from insights.domain.usage_logs.record import LoggedUsage
from routing.domain.pricing import PriceSchedule
from routing.domain.usage import Usage

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
ALWAYS = datetime(2020, 1, 1, tzinfo=UTC)

BIG = PricedModel(1, "openai", "big", "complex", True, 1_000_000, 100_000)
MIDDLE = PricedModel(2, "openai", "middle", "moderate", True, 100_000, 10_000)
SMALL = PricedModel(3, "openai", "small", "simple", True, 1_000_000, 100_000)
OTHER_BIG = PricedModel(4, "claude", "other-big", "complex", True, 1_000_000, 100_000)
OTHER_MIDDLE = PricedModel(5, "claude", "other-middle", "moderate", True, None, None)
UNCLASSIFIED = PricedModel(6, "openai", "old", None, False)
MODELS = (BIG, MIDDLE, SMALL, OTHER_BIG, OTHER_MIDDLE, UNCLASSIFIED)
# Dollars per million tokens, in and out.
PRICES = {1: ("10", "40"), 2: ("2", "8"), 3: ("0.1", "0.4"), 4: ("5", "20"), 5: ("1", "4"), 6: ("30", "60")}


def price(model_id: int, sent: str, generated: str, **fields: Any) -> DatedPrice:
    cached = fields.pop("cached", None)
    schedule = PriceSchedule(Decimal(sent), Decimal(generated), None if cached is None else Decimal(cached))
    values: dict[str, Any] = {"service_tier": STANDARD, "begins": ALWAYS, "ends": None}
    return DatedPrice(model_id, ladder=rates.ladder(schedule), **{**values, **fields})


def book(*extra: DatedPrice, models: Iterable[PricedModel] = MODELS) -> PriceBook:
    standard = [price(model_id, *both) for model_id, both in PRICES.items()]
    return price_book.build(models, [*standard, price(1, "5", "20", service_tier=BATCH), *extra])


def row(model: str = "big", sent: int = 1_000, generated: int = 100, **fields: Any) -> LoggedUsage:
    """Make a request of 1,000 tokens in and 100 out: 0.014 dollars on the big model."""
    usage = Usage(sent, generated, fields.pop("cached", 0))
    return LoggedUsage(**{"at": NOON, "model": model, "provider": "openai", "usage": usage, **fields})


def tally(*rows: LoggedUsage, prices: PriceBook | None = None, selection: Selection | None = None) -> Tally:
    found = Tally(prices or book(), selection or Selection())
    for each in rows:
        found.add(each)
    return found
