"""Catalog entries and requests for domain tests: a plain one each, with whatever the test is about changed."""

import zlib
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from msgspec import structs

from routing.domain.candidates import expected_cost
from routing.domain.catalog import Candidate, ModelSpec
from routing.domain.pricing import PriceSchedule, PriceTier
from routing.domain.prompt import PromptFeatures
from routing.domain.quality_prior import TIER_QUALITY
from routing.domain.usage import Usage

SYSTEM_DESIGN = (
    "Design a globally distributed, strongly consistent key-value store. Requirements: it must tolerate the loss of a "
    "region, never lose acknowledged writes, and keep p99 latency under 100 ms. First describe the architecture and "
    "the consensus protocol, then compare at least two alternatives with their trade-offs, and finally prove that "
    "linearizability holds under network partitions."
)

PLAIN_FEATURES = PromptFeatures(
    pattern="general",
    complexity_score=0.5,
    tier="moderate",
    input_tokens=1_000,
    max_output_tokens=None,
    task=None,
    needs_tools=False,
    needs_images=False,
    needs_json=False,
)


def price(input_rate: str = "1", output_rate: str = "2", **changes: Any) -> PriceSchedule:
    return PriceSchedule(Decimal(input_rate), Decimal(output_rate), **changes)


def model(full_name: str = "openai/plain", tier: str | None = "moderate", **changes: Any) -> ModelSpec:
    """A capable model at 1 USD in and 2 USD out per million tokens; same name, same id."""
    provider, name = full_name.split("/")
    spec = ModelSpec(
        id=zlib.crc32(full_name.encode()),
        provider=provider,
        name=name,
        upstream_name=name,
        canonical_name=name,
        tier=tier,
        price=price(),
        price_id=1,
        context_tokens=128_000,
        max_output_tokens=8_192,
        supports_tools=True,
        supports_images=True,
        supports_json=True,
        is_routable=True,
        allow_unpriced=False,
        is_simulated=False,
        is_embedded=False,
    )
    return replace(spec, **changes)


def features(**changes: Any) -> PromptFeatures:
    return structs.replace(PLAIN_FEATURES, **changes)


def candidate(spec: ModelSpec) -> Candidate:
    return Candidate(spec, expected_cost(spec, PLAIN_FEATURES), TIER_QUALITY[spec.tier or "simple"])


RATES = st.decimals(0, 1_000, places=4)
OPTIONAL_RATES = st.none() | RATES


@st.composite
def schedules(draw: st.DrawFn, *, tiers: bool = True) -> PriceSchedule:
    thresholds = sorted(draw(st.sets(st.integers(1, 300_000), max_size=2 if tiers else 0)))
    return PriceSchedule(
        draw(RATES),
        draw(RATES),
        cached_input_usd_per_mtok=draw(OPTIONAL_RATES),
        cache_write_usd_per_mtok=draw(OPTIONAL_RATES),
        reasoning_usd_per_mtok=draw(OPTIONAL_RATES),
        request_usd=draw(st.decimals(0, 1, places=6)),
        tiers=tuple(
            PriceTier(start, draw(RATES), draw(RATES), draw(OPTIONAL_RATES), draw(OPTIONAL_RATES))
            for start in thresholds
        ),
    )


@st.composite
def usages(draw: st.DrawFn, max_input: int = 400_000, max_output: int = 100_000) -> Usage:
    input_tokens = draw(st.integers(0, max_input))
    cached = draw(st.integers(0, input_tokens))
    output_tokens = draw(st.integers(0, max_output))
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_input_tokens=cached,
        cache_write_tokens=draw(st.integers(0, input_tokens - cached)),
        reasoning_tokens=draw(st.integers(0, output_tokens)),
    )
