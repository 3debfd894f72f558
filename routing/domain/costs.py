"""What a request will cost with a model, before anything is known of its answer."""

from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

from routing.domain import tokens
from routing.domain.catalog import ModelSpec
from routing.domain.pricing import NANO_USD, PriceSchedule, PriceTier, cost_usd
from routing.domain.prompt import PromptFeatures
from routing.domain.usage import Usage

# A typical answer, where the request allows a longer one and no length is learned. Only the order of candidates and the
# caller's cost limit depend on it; budgets reserve the worst case.
TYPICAL_OUTPUT_TOKENS = 300
# What a model may write when neither the request nor the catalog sets a limit.
DEFAULT_MAX_OUTPUT_TOKENS = 4_096

_MILLION = Decimal(1_000_000)


def expected_cost(
    model: ModelSpec, features: PromptFeatures, *, cached_input_tokens: int = 0, output_tokens: int | None = None
) -> Decimal | None:
    """Price an answer of ``output_tokens``, by default a typical one, in US dollars; None for a model without a price.

    The request's own limit bounds the length of the answer.

    Up to ``cached_input_tokens`` of the input are billed as read from the provider's prompt cache.
    """
    if model.price is None:
        return None
    output_tokens = output_tokens or TYPICAL_OUTPUT_TOKENS
    output_tokens = min(features.max_output_tokens or output_tokens, output_tokens)
    input_tokens = tokens.for_model(features.input_tokens, model.name)
    return cost_usd(_usage(input_tokens, output_tokens, min(cached_input_tokens, input_tokens)), model.price)


def output_allowance(model: ModelSpec, max_output_tokens: int | None, *, choices: int = 1) -> int:
    """Return the most tokens an answer may take: the request's limit, else the model's, else 4,096; per choice."""
    return (max_output_tokens or model.max_output_tokens or DEFAULT_MAX_OUTPUT_TOKENS) * choices


def worst_case_cost(
    model: ModelSpec, *, input_tokens: int, max_output_tokens: int | None, choices: int = 1
) -> Decimal | None:
    """Bound in US dollars what one exchange can cost; None for a model without a price.

    No usage of at most ``input_tokens`` and ``choices`` answers of at most ``max_output_tokens`` (by default
    ``output_allowance``) costs more, whichever of them are cached, written to a cache or reasoning, and whichever of
    the price's tiers applies. Rounded up to a nano-dollar.

    Args:
        model: The model as priced now.
        input_tokens: All tokens sent, in the model's own count (``tokens.for_model``).
        max_output_tokens: The request's limit for one answer, None where it gives none.
        choices: Answers asked for (``n``).
    """
    price = model.price
    if price is None:
        return None
    tiers = [tier for tier in price.tiers if tier.from_input_tokens <= input_tokens]
    rates: list[PriceSchedule | PriceTier] = [price, *tiers]
    input_rates = [rate.input_usd_per_mtok for rate in rates]
    input_rates += [rate.cached_input_usd_per_mtok for rate in rates if rate.cached_input_usd_per_mtok is not None]
    input_rates += [rate.cache_write_usd_per_mtok for rate in rates if rate.cache_write_usd_per_mtok is not None]
    output_rates = [rate.output_usd_per_mtok for rate in rates]
    if price.reasoning_usd_per_mtok is not None:
        output_rates.append(price.reasoning_usd_per_mtok)
    output_tokens = output_allowance(model, max_output_tokens, choices=choices)
    per_million = input_tokens * max(input_rates) + output_tokens * max(output_rates)
    return (per_million / _MILLION + price.request_usd).quantize(NANO_USD, ROUND_CEILING)


@lru_cache(maxsize=1024)
def _usage(input_tokens: int, output_tokens: int, cached_input_tokens: int) -> Usage:
    # The models compared for one request share a few counts, and building the object takes as long as pricing it.
    return Usage(input_tokens=input_tokens, output_tokens=output_tokens, cached_input_tokens=cached_input_tokens)
