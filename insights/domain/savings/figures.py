"""The figures of a savings report. Money is in US dollars, rounded once, to a nano-dollar, from exact sums."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Spent:
    """Rows with their requests, tokens and costs: by the log (None where it has none), and by the price book."""

    rows: int
    requests: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    logged_usd: Decimal | None
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class Agreement:
    """How the log's own costs compare with the price book's for the rows that have both."""

    rows: int
    logged_usd: Decimal
    cost_usd: Decimal
    dearer_in_log: int
    cheaper_in_log: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows that are not compared, and why."""

    reason: str
    name: str
    spent: Spent


@dataclass(frozen=True, slots=True)
class Target:
    """Where the requests of one logged model would go, ``to`` None where they stay."""

    to: str | None
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class Used:
    """One model of the log, under all its names, and where each scenario sends its requests."""

    model: str
    names: tuple[str, ...]
    tier: str | None
    spent: Spent
    same_provider: Target
    same_tier: Target
    tier_below: Target
    cheapest: Target


@dataclass(frozen=True, slots=True)
class Scenario:
    """A bound: ``saved_usd`` is the reference less the cost, ``saved_share`` its share of the reference."""

    name: str
    title: str
    text: str
    cost_usd: Decimal
    saved_usd: Decimal
    saved_share: float


@dataclass(frozen=True, slots=True)
class Option:
    """One candidate, had it answered all requests that fit it; the others stay at what they cost."""

    model: str
    tier: str
    cost_usd: Decimal
    saved_usd: Decimal
    moved_share: float


@dataclass(frozen=True, slots=True)
class Period:
    """A day or a month of the log."""

    label: str
    begins: date
    paid_usd: Decimal
    same_tier_usd: Decimal
    tier_below_usd: Decimal


@dataclass(frozen=True, slots=True)
class ByPrompt:
    """What the rule ``complexity`` would have done with the rows whose prompts the log holds."""

    rows: int
    rows_by_tier: dict[str, int]
    paid_usd: Decimal
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the report says of the rows that could be read.

    ``reference`` names what savings are measured against: what the requests cost, or all of them on one model.
    ``days`` are those from the first to the last row, both included; 0 where no row counts.
    """

    first: datetime | None
    last: datetime | None
    days: int
    compared: Spent
    agreement: Agreement
    reference: str | None
    reference_usd: Decimal
    scenarios: tuple[Scenario, ...]
    by_prompt: ByPrompt | None
    used: tuple[Used, ...]
    options: tuple[Option, ...]
    periods: tuple[Period, ...]
    left_out: tuple[LeftOut, ...]
    cached_value_usd: Decimal
    duplicates: int
    outside: int
