"""One row of a usage log of another product, in our terms."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from routing.domain.usage import Usage

# Money of a log is whole femto-dollars (1e-15 dollars): a rate in nano-dollars per million tokens times tokens is one,
# so that sums over any number of rows are exact, and rounded once, when they are shown.
FEMTO_PER_NANO = 1_000_000
FEMTO_PER_USD = 10**15


class Kind(StrEnum):
    """What a row stands for."""

    CHAT = "chat"
    FAILED = "failed"
    FROM_CACHE = "from_cache"
    OTHER = "other"
    MONEY_ONLY = "money_only"


class Unreadable(Exception):
    """A row that cannot be counted; the message says why, and names the column."""


@dataclass(frozen=True, slots=True)
class PromptReading:
    """What the router reads in the logged prompt: the tier it would send it to, and its pattern."""

    tier: str
    pattern: str


@dataclass(frozen=True, slots=True)
class LoggedUsage:
    """Tokens and money of one request, or of the requests that an export adds up in one row.

    Attributes:
        at: When it began, in UTC.
        model: Its name in the log, empty where the log does not say.
        alias: Another name the log has for it, tried where the first is not in the catalog.
        provider: As the log names it, empty where it does not.
        requests: How many the row stands for; 0 is unknown.
        cost_femto_usd: What the log says it cost; None where it does not say.
        service_tier: ``standard``, ``batch``, or whatever else the log names.
        kind: Only ``Kind.CHAT`` is compared with other models.
        detail: What kind of call it was, for those that are not compared.
        identity: Rows of the same identity are one; empty is never the same as another.
    """

    at: datetime
    model: str
    usage: Usage
    alias: str = ""
    provider: str = ""
    requests: int = 1
    cost_femto_usd: int | None = None
    team: str = ""
    service_tier: str = "standard"
    kind: Kind = Kind.CHAT
    detail: str = ""
    identity: str = ""
    prompt: PromptReading | None = None
