"""Reads the price library (genai-prices) into our own terms; offline, and exact because it holds Decimals.

The library is large to import, so it is loaded on first use: only workers and commands need it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from importlib.metadata import version
from typing import Any

from routing.domain.pricing import PriceSchedule, PriceTier
from routing.services.price_timeline import ALWAYS, PriceSegment

# Our provider's slug → its name in the library, how the names of its own models begin, and which of those it does not
# serve itself (open weights that others host).
_PROVIDERS = {
    "openai": ("openai", ("gpt-", "o1", "o3", "o4", "chatgpt-", "codex-"), ("gpt-oss-",)),
    "claude": ("anthropic", ("claude-",), ()),
    "gemini": ("google", ("gemini-", "gemma-"), ()),
    "openrouter": ("openrouter", ("",), ()),
    "cerebras": ("cerebras", ("",), ()),
}
# Sold by the token, but not for chat completions in text.
_NOT_CHAT = ("embed", "-tts", "transcribe", "-image", "realtime", "-live", "-audio", "moderation", "turbo-instruct")
# Models whose answers are billed by something other than text tokens; their text rates would understate the cost.
_OTHER_OUTPUT = ("output_audio_mtok", "output_image_mtok", "output_video_mtok")
_RATE = Decimal("0.000001")
_REQUEST = Decimal("0.000000001")
_BATCH = {"processing": "batch"}


@dataclass(frozen=True, slots=True)
class LibraryModel:
    """A model as the library lists it; no ``standard`` segments means that its price is not known."""

    name: str
    context_tokens: int | None
    standard: tuple[PriceSegment, ...]
    batch: tuple[PriceSegment, ...]


class PriceLibrary:
    """The models of one of our providers."""

    def __init__(self, provider: Any, prefixes: tuple[str, ...], hosted_elsewhere: tuple[str, ...]) -> None:
        self._provider = provider
        self._prefixes = prefixes
        self._hosted_elsewhere = hosted_elsewhere

    def chat_models(self) -> Iterator[LibraryModel]:
        """Yield every model that may answer chat completions."""
        for model in self._provider.models:
            if self._is_chat(model.id):
                found = _library_model(model)
                if found.standard or not _has_any_price(model):
                    yield found

    def find(self, name: str) -> LibraryModel | None:
        """Return the model that the library means by ``name``, for example by a dated name; None when unknown."""
        model = self._provider.find_model(name)
        return _library_model(model) if model else None

    def _is_chat(self, name: str) -> bool:
        is_own = name.startswith(self._prefixes) and not name.startswith(self._hosted_elsewhere)
        return is_own and not any(word in name for word in _NOT_CHAT)


def library_version() -> str:
    """Return the library's name and version, the provenance of its prices."""
    return f"genai-prices {version('genai-prices')}"


def libraries() -> dict[str, PriceLibrary]:
    """Return the bundled price lists by slug of our provider."""
    from genai_prices.data import providers

    by_id = {provider.id: provider for provider in providers}
    return {slug: PriceLibrary(by_id[name], *names) for slug, (name, *names) in _PROVIDERS.items()}


def _library_model(model: Any) -> LibraryModel:
    return LibraryModel(
        name=model.id,
        context_tokens=model.context_window,
        standard=_segments(model, lambda at: model.get_prices(at)),
        batch=_segments(model, lambda at: _batch_prices(model, at)),
    )


def _batch_prices(model: Any, at: datetime) -> Any:
    """Return the batch prices, None where the library has none: the standard price is no substitute."""
    has_batch = any(
        variant.when == _BATCH and (variant.constraint is None or variant.constraint.active(at))
        for variant in model.price_variants or ()
    )
    return model.get_prices(at, _BATCH) if has_batch else None


def _segments(model: Any, prices_at: Callable[[datetime], Any]) -> tuple[PriceSegment, ...]:
    """Return the model's prices over time.

    Prices change on known dates only, so asking the library on each of them gives the whole history. A model priced
    by the hour of the day has no rate that holds for a day, and so no segments.
    """
    starts = _start_dates(model)
    if starts is None:
        return ()
    begins = [ALWAYS, *(datetime.combine(start, time(), UTC) for start in starts)]
    ends: Sequence[datetime | None] = [*begins[1:], None]
    segments: list[PriceSegment] = []
    for begin, end in zip(begins, ends, strict=True):
        schedule = _schedule(prices_at(begin))
        if schedule is None:
            continue
        last = segments[-1] if segments else None
        if last and last.active_to == begin and last.schedule == schedule:
            segments[-1] = PriceSegment(last.active_from, end, schedule)
        else:
            segments.append(PriceSegment(begin, end, schedule))
    return tuple(segments)


def _start_dates(model: Any) -> list[date] | None:
    from genai_prices.types import StartDateConstraint

    conditions = [*(model.prices if isinstance(model.prices, list) else ()), *(model.price_variants or ())]
    constraints = [condition.constraint for condition in conditions if condition.constraint is not None]
    if not all(isinstance(constraint, StartDateConstraint) for constraint in constraints):
        return None
    return sorted({constraint.start_date for constraint in constraints})


def _has_any_price(model: Any) -> bool:
    every = [dated.prices for dated in model.prices] if isinstance(model.prices, list) else [model.prices]
    return any(value is not None for prices in every for value in vars(prices).values())


def _schedule(prices: Any) -> PriceSchedule | None:
    """Return the rates, None when they do not say what a text answer costs."""
    if prices is None or any(getattr(prices, key) is not None for key in _OTHER_OUTPUT):
        return None
    if prices.input_mtok is None or prices.output_mtok is None:
        return None
    thousand_requests = prices.requests_kcount
    return PriceSchedule(
        input_usd_per_mtok=_rate(prices.input_mtok),
        output_usd_per_mtok=_rate(prices.output_mtok),
        cached_input_usd_per_mtok=_rate_if_known(prices.cache_read_mtok),
        cache_write_usd_per_mtok=_rate_if_known(prices.cache_write_mtok),
        reasoning_usd_per_mtok=_rate_if_known(prices.output_reasoning_mtok),
        request_usd=_exact(thousand_requests / 1000, _REQUEST) if thousand_requests is not None else Decimal(0),
        tiers=_tiers(prices),
    )


def _tiers(prices: Any) -> tuple[PriceTier, ...]:
    """Return the rates of long inputs; the library's tiers apply above their start, ours from their first token."""
    values = (prices.input_mtok, prices.output_mtok, prices.cache_read_mtok, prices.cache_write_mtok)
    starts = sorted({tier.start for value in values for tier in getattr(value, "tiers", ())})
    return tuple(
        PriceTier(
            from_input_tokens=start + 1,
            input_usd_per_mtok=_rate(prices.input_mtok, start),
            output_usd_per_mtok=_rate(prices.output_mtok, start),
            cached_input_usd_per_mtok=_rate_if_known(prices.cache_read_mtok, start),
            cache_write_usd_per_mtok=_rate_if_known(prices.cache_write_mtok, start),
        )
        for start in starts
    )


def _rate_if_known(value: Any, above: int = 0) -> Decimal | None:
    return None if value is None else _rate(value, above)


def _rate(value: Any, above: int = 0) -> Decimal:
    """Return the rate for inputs longer than ``above`` tokens, up to the next tier."""
    rate = getattr(value, "base", value)
    for tier in getattr(value, "tiers", ()):
        if tier.start <= above:
            rate = tier.price
    return _exact(rate, _RATE)


def _exact(value: Decimal, unit: Decimal) -> Decimal:
    """Return the amount to the digits our rows hold; a few prices are fractions that the library gives as 0.08333…"""
    return value.quantize(unit, ROUND_HALF_UP)
