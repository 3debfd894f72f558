from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest

from routing.domain.pricing import cost_usd
from routing.domain.usage import Usage
from routing.services import price_library

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LIBRARY_IDS = {
    "openai": "openai",
    "claude": "anthropic",
    "gemini": "google",
    "openrouter": "openrouter",
    "cerebras": "cerebras",
}


def library_cost(provider: str, name: str, usage: Usage, at: datetime) -> Decimal:
    reported = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
    )
    calculated = genai_prices.calc_price(reported, name, provider_id=LIBRARY_IDS[provider], genai_request_timestamp=at)
    return calculated.total_price


@pytest.mark.parametrize(
    "usage",
    [
        Usage(input_tokens=1_000, output_tokens=500),
        Usage(input_tokens=10_000, output_tokens=500, cached_input_tokens=8_000),
        Usage(input_tokens=10_000, output_tokens=500, cache_write_tokens=9_000),
        Usage(input_tokens=200_000, output_tokens=1_000),
        Usage(input_tokens=200_001, output_tokens=1_000, cached_input_tokens=100_000),
        Usage(input_tokens=400_000, output_tokens=1_000, cached_input_tokens=1_000, cache_write_tokens=300_000),
    ],
    ids=["short", "cached", "cache-write", "at-threshold", "past-threshold", "long"],
)
@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("gemini", "gemini-2.5-pro"),
        ("gemini", "gemini-3.1-pro-preview"),
        ("claude", "claude-sonnet-4-5"),
        ("claude", "claude-haiku-5-5"),
        ("claude", "claude-opus-5-5"),
        ("openai", "gpt-6.1-sol"),
        ("openai", "gpt-4o"),
        ("openai", "gpt-5-pro"),
        ("openrouter", "anthropic/claude-sonnet-4.5"),
        ("openrouter", "google/gemini-2.5-pro"),
        ("openrouter", "x-ai/grok-4-fast"),
        ("cerebras", "gpt-oss-120b"),
    ],
)
def test_costs_agree_with_the_price_librarys_own_arithmetic(provider: str, name: str, usage: Usage) -> None:
    found = price_library.libraries()[provider].find(name)
    assert found is not None
    newest = found.standard[-1]
    assert newest.active_from <= NOW
    assert cost_usd(usage, newest.schedule) == library_cost(provider, name, usage, NOW)


def test_no_rate_has_passed_through_a_float() -> None:
    assert {type(rate) for rate in library_rates()} == {Decimal}


def library_rates() -> Iterator[object]:
    for library in price_library.libraries().values():
        for model in library.chat_models():
            for segment in model.standard:
                yield segment.schedule.input_usd_per_mtok
                yield segment.schedule.output_usd_per_mtok
