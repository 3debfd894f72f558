"""Adds up a log row by row, so that it need not be kept: what is needed for comparing is linear in tokens."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from insights.domain.savings.price_book import BATCH, STANDARD, PriceBook, PricedModel
from insights.domain.savings.rates import Rates, Tokens
from insights.domain.usage_logs.record import FEMTO_PER_NANO, Kind, LoggedUsage

# Log and price book agree where they differ by no more than this share, or by a nano-dollar.
_AGREEMENT_PERCENT = 1
# More names than this are noise or an attack; what is beyond is added up under one.
_MOST_NAMES = 2_000
OTHER_NAMES = "(other names)"
NO_NAME = "(not named)"


class Reason:
    """Why rows are not compared, as the report says it."""

    FAILED = "requests that failed"
    FROM_CACHE = "answered from LiteLLM's own cache"
    OTHER_CALL = "no chat completions"
    MONEY_ONLY = "amounts without tokens"
    UNKNOWN_MODEL = "models that the catalog does not have"
    NO_PRICE = "models without a price at that time"
    SERVICE_TIER = "another service tier than standard"


_BY_KIND = {
    Kind.FAILED: Reason.FAILED,
    Kind.FROM_CACHE: Reason.FROM_CACHE,
    Kind.OTHER: Reason.OTHER_CALL,
    Kind.MONEY_ONLY: Reason.MONEY_ONLY,
}


class Key(NamedTuple):
    """What requests of one group share: all that a price or a model's limits could depend on."""

    model_id: int
    named: str
    day: date
    epoch: int
    length: int
    context: int
    output: int
    prompt_tier: str | None


@dataclass(slots=True)
class Group:
    """Requests that can be priced as one.

    ``cost_femto_usd`` is by the price book; ``logged_femto_usd`` by the log, and ``priced_of_logged_femto_usd`` the
    price book's figure for those rows alone that the log has a cost for.
    """

    tokens: Tokens = field(default_factory=Tokens)
    rows: int = 0
    cost_femto_usd: int = 0
    logged_rows: int = 0
    logged_femto_usd: int = 0
    priced_of_logged_femto_usd: int = 0
    dearer_in_log: int = 0
    cheaper_in_log: int = 0

    def add(self, other: "Group") -> None:
        self.tokens.add(other.tokens)
        self.rows += other.rows
        self.cost_femto_usd += other.cost_femto_usd
        self.logged_rows += other.logged_rows
        self.logged_femto_usd += other.logged_femto_usd
        self.priced_of_logged_femto_usd += other.priced_of_logged_femto_usd
        self.dearer_in_log += other.dearer_in_log
        self.cheaper_in_log += other.cheaper_in_log


@dataclass(frozen=True)
class Edges:
    """Sizes of requests from which a price changes or a model no longer fits, each in order."""

    lengths: Sequence[int]
    contexts: Sequence[int]
    outputs: Sequence[int]

    def fits(self, model: PricedModel, key: Key) -> bool:
        """Tell whether the model's limits hold for every request of the group; limits that are unknown hold."""
        return _holds(self.contexts, key.context, model.context_tokens) and _holds(
            self.outputs, key.output, model.max_output_tokens
        )

    def shortest(self, key: Key) -> int:
        """Return an input length that is priced as those of the group are."""
        return self.lengths[key.length - 1] if key.length else 0


@dataclass(frozen=True)
class Selection:
    """Which rows count: from ``since`` until just before ``until``, of ``team``; None is any."""

    since: datetime | None = None
    until: datetime | None = None
    team: str | None = None

    def includes(self, usage: LoggedUsage) -> bool:
        if self.since is not None and usage.at < self.since:
            return False
        if self.until is not None and usage.at >= self.until:
            return False
        return self.team is None or usage.team == self.team


class Tally:
    """What has been added up so far.

    Attributes:
        groups: What is compared.
        left_out: What is not, by reason and name (of a model or a kind of call).
        cached_value: What answers from the log's own cache would have cost, by the price book.
        first: The moment of the earliest row that counts, compared or not; ``last`` of the latest.
    """

    def __init__(self, book: PriceBook, selection: Selection) -> None:
        candidates = book.candidates
        self.book = book
        self.edges = Edges(
            book.lengths(),
            sorted({model.context_tokens for model in candidates if model.context_tokens is not None}),
            sorted({model.max_output_tokens for model in candidates if model.max_output_tokens is not None}),
        )
        self.groups: dict[Key, Group] = {}
        self.left_out: dict[tuple[str, str], Group] = {}
        self.cached_value_femto_usd = 0
        self.rows = self.duplicates = self.outside = 0
        self.first: datetime | None = None
        self.last: datetime | None = None
        self._selection = selection
        self._seen: set[int] = set()
        self._models: dict[tuple[str, str, str], PricedModel | None] = {}

    def add(self, usage: LoggedUsage) -> None:
        """Count one row, once."""
        if usage.identity:
            # 64 bits of a keyed hash: among ten million rows, two of them meet by chance once in 300,000 runs.
            mark = hash(usage.identity)
            if mark in self._seen:
                self.duplicates += 1
                return
            self._seen.add(mark)
        if not self._selection.includes(usage):
            self.outside += 1
            return
        self.rows += 1
        self.first = usage.at if self.first is None else min(self.first, usage.at)
        self.last = usage.at if self.last is None else max(self.last, usage.at)
        self._count(usage)

    def _count(self, usage: LoggedUsage) -> None:
        model = self._model(usage)
        priced = self._rates(usage, model)
        if usage.kind is not Kind.CHAT:
            if usage.kind is Kind.FROM_CACHE and priced is not None:
                self.cached_value_femto_usd += priced.cost(_tokens(usage))
            name = usage.detail if usage.kind is Kind.OTHER else usage.model
            self._leave_out(_BY_KIND[usage.kind], name, usage, priced)
        elif model is None:
            self._leave_out(Reason.UNKNOWN_MODEL, usage.model, usage, None)
        elif usage.service_tier != STANDARD:
            self._leave_out(Reason.SERVICE_TIER, usage.service_tier, usage, priced)
        elif priced is None:
            self._leave_out(Reason.NO_PRICE, usage.model, usage, None)
        else:
            _note(self.groups.setdefault(self._key(usage, model), Group()), usage, priced)

    def _model(self, usage: LoggedUsage) -> PricedModel | None:
        asked = (usage.provider, usage.model, usage.alias)
        if asked in self._models:
            return self._models[asked]
        if len(self._models) >= _MOST_NAMES:
            # Looking up names takes a while, and a log with so many has made them up.
            return None
        found = self._models[asked] = self.book.find(usage.provider, usage.model, usage.alias)
        return found

    def _rates(self, usage: LoggedUsage, model: PricedModel | None) -> Rates | None:
        tier = usage.service_tier
        if model is None or tier not in (STANDARD, BATCH):
            return None
        ladder = self.book.ladder(model, self.book.epoch(usage.at), tier)
        return None if ladder is None else ladder.at(_each(usage.usage.input_tokens, usage.requests))

    def _key(self, usage: LoggedUsage, model: PricedModel) -> Key:
        sent = _each(usage.usage.input_tokens, usage.requests)
        generated = _each(usage.usage.output_tokens, usage.requests)
        edges = self.edges
        return Key(
            model.id,
            usage.model,
            usage.at.date(),
            self.book.epoch(usage.at),
            bisect_right(edges.lengths, sent),
            bisect_left(edges.contexts, sent + generated),
            bisect_left(edges.outputs, generated),
            usage.prompt.tier if usage.prompt else None,
        )

    def _leave_out(self, reason: str, name: str, usage: LoggedUsage, priced: Rates | None) -> None:
        key = (reason, name or NO_NAME)
        if key not in self.left_out and len(self.left_out) >= _MOST_NAMES:
            key = (reason, OTHER_NAMES)
        _note(self.left_out.setdefault(key, Group()), usage, priced)


def _note(group: Group, usage: LoggedUsage, priced: Rates | None) -> None:
    tokens = _tokens(usage)
    cost = 0 if priced is None else priced.cost(tokens)
    group.tokens.add(tokens)
    group.rows += 1
    group.cost_femto_usd += cost
    logged = usage.cost_femto_usd
    if logged is None:
        return
    group.logged_rows += 1
    group.logged_femto_usd += logged
    if priced is None:
        return
    group.priced_of_logged_femto_usd += cost
    if abs(logged - cost) * 100 > _AGREEMENT_PERCENT * max(logged, cost) and abs(logged - cost) > FEMTO_PER_NANO:
        group.dearer_in_log += logged > cost
        group.cheaper_in_log += logged < cost


def _tokens(usage: LoggedUsage) -> Tokens:
    used = usage.usage
    return Tokens(
        usage.requests,
        used.input_tokens,
        used.output_tokens,
        used.cached_input_tokens,
        used.cache_write_tokens,
        used.reasoning_tokens,
    )


def _each(tokens: int, requests: int) -> int:
    """Return the tokens of one request: the mean where a row adds up several, 0 where their number is unknown."""
    if requests == 1:
        return tokens
    return tokens // requests if requests else 0


def _holds(edges: Sequence[int], place: int, limit: int | None) -> bool:
    # The place is that of the first edge that is not below the size.
    return limit is None or (place < len(edges) and edges[place] <= limit)
