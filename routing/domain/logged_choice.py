"""Rebuilds what a strategy chose from, out of what a ledger row keeps of it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from routing.domain.catalog import Candidate, ModelSpec
from routing.domain.decision import Controls
from routing.domain.prompt import PromptFeatures
from routing.domain.quality_prior import expected_quality
from routing.domain.situation import Situation


def situation(
    *,
    candidates: Sequence[Mapping[str, Any]],
    pattern: str,
    complexity_score: float,
    complexity_tier: str,
    task: str | None,
    min_quality: float | None,
) -> Situation:
    """Return the situation of a logged decision, with the priors of its candidates in place of what was known of them.

    ``candidates`` are those of the row; ``controls`` on cost are already in them. A policy, its forecasts and a draw
    are for the caller to add. Token counts, prices and capabilities are not kept and not needed to choose; sessions
    are not kept either.
    """
    return Situation(
        features=PromptFeatures(
            pattern=pattern,
            complexity_score=complexity_score,
            tier=complexity_tier,
            input_tokens=0,
            max_output_tokens=None,
            task=task,
            needs_tools=False,
            needs_images=False,
            needs_json=False,
        ),
        candidates=tuple(_candidate(entry, number) for number, entry in enumerate(candidates)),
        controls=Controls(min_quality=min_quality),
    )


def _candidate(entry: Mapping[str, Any], number: int) -> Candidate:
    provider, _, name = entry["model"].partition("/")
    tier = entry["tier"]
    cost = entry["expected_cost_usd"]
    model = ModelSpec(
        id=number,
        provider=provider,
        name=name,
        upstream_name=name,
        canonical_name=name,
        tier=tier,
        price=None,
        price_id=None,
        context_tokens=None,
        max_output_tokens=None,
        supports_tools=True,
        supports_images=True,
        supports_json=True,
        is_routable=True,
        allow_unpriced=False,
        is_simulated=False,
        is_embedded=False,
    )
    return Candidate(
        model,
        None if cost is None else Decimal(cost),
        expected_quality(model),
        expected_output_tokens=entry.get("expected_output_tokens"),
    )
