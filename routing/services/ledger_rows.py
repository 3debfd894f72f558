"""Builds the ledger's rows from a request, its plan and its attempts."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from routing.domain import costs
from routing.domain.catalog import Candidate, ModelSpec
from routing.domain.decision import RoutingDecision
from routing.domain.pricing import PriceSchedule, to_nano_usd
from routing.domain.usage import Usage
from routing.models import LedgerEntry
from routing.services import attempts as attempt_services
from routing.services.attempts import Attempt
from routing.services.decisions import Plan
from routing.services.ledger_sql import Row

State = LedgerEntry.State
MAX_CANDIDATES = 20


class Caller(msgspec.Struct, frozen=True):
    """Who asked, and what of the request goes into its row."""

    request_id: str
    instance_id: str
    team_id: int
    api_key_id: int
    endpoint: str
    is_stream: bool
    requested_model: str
    task: str | None
    user_id: str | None
    session_id: str | None
    prompt_fingerprint: str
    created_at: datetime
    min_quality: float | None = None


class Ending(msgspec.Struct):
    """How a request ended, as far as its row is concerned."""

    state: str
    http_status: int
    settled_at: datetime
    latency_ms: int
    overhead_ms: float
    first_token_ms: int | None = None
    finish_reason: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    client_disconnected: bool = False
    flags: list[str] = msgspec.field(default_factory=list)


def opening_row(caller: Caller, plan: Plan, first: Attempt) -> Row:
    """Return the row written before the provider is called."""
    decision = plan.decision
    baseline = plan.baseline
    return {
        **_blank_outcome(),
        "request_id": caller.request_id,
        "instance_id": caller.instance_id,
        "created_at": caller.created_at.isoformat(),
        "settled_at": None,
        "state": State.PENDING,
        "team_id": caller.team_id,
        "api_key_id": caller.api_key_id,
        "endpoint": caller.endpoint,
        "is_stream": caller.is_stream,
        "requested_model": caller.requested_model,
        "strategy": decision.strategy,
        "policy_version": decision.policy_version,
        "pattern": plan.features.pattern,
        "complexity_score": plan.features.complexity_score,
        "complexity_tier": plan.features.tier,
        "confidence": decision.confidence,
        "propensity": decision.propensity,
        "reasoning": decision.reasoning[:500],
        "candidates": candidates_json(decision),
        "task": caller.task,
        "min_quality": caller.min_quality,
        "user_id": caller.user_id,
        "session_id": caller.session_id,
        "max_tokens": plan.features.max_output_tokens,
        **_experiment(plan),
        "reference_cost_nano_usd": reference_cost_nano_usd(plan),
        "prompt_fingerprint": caller.prompt_fingerprint,
        "provider": first.model.provider,
        "served_model": first.model.name,
        "price_snapshot": price_json(first.model.price),
        "baseline_model": None if baseline is None else baseline.full_name,
        "baseline_price_snapshot": None if baseline is None else price_json(baseline.price),
        "attempts": [first.as_json()],
        "attempt_count": 1,
        "is_simulated": first.model.is_simulated,
        "is_embedded": first.model.is_embedded,
        "is_unpriced": first.model.price is None,
        "reserved_nano_usd": first.reserved_nano_usd,
        "budget_period_ids": [],
    }


def cache_hit_row(caller: Caller, plan: Plan, model: ModelSpec, usage: Usage, latency_ms: int) -> Row:
    """Return the only row of an answer that was reused: settled at once, free, its whole baseline saved."""
    unused = Attempt("", model, "", reserved_nano_usd=0, worst_case=Usage())
    baseline = baseline_cost_nano_usd(plan, usage)
    return {
        **opening_row(caller, plan, unused),
        "state": State.SETTLED,
        "settled_at": caller.created_at.isoformat(),
        "is_cache_hit": True,
        "attempts": [],
        "attempt_count": 0,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "cost_nano_usd": 0,
        "baseline_cost_nano_usd": baseline,
        "savings_nano_usd": baseline,
        "latency_ms": latency_ms,
        "overhead_ms": float(latency_ms),
        "http_status": 200,
    }


def extension_row(opened: Row, made: Sequence[Attempt], reserved_nano_usd: int) -> Row:
    """Return what changes in the row before a further attempt is made."""
    return {
        "request_id": opened["request_id"],
        "created_at": opened["created_at"],
        "attempts": [attempt.as_json() for attempt in made],
        "attempt_count": len(made),
        "is_fallback": made[-1].model.id != made[0].model.id,
        "reserved_nano_usd": reserved_nano_usd,
        "provider": made[-1].model.provider,
        "served_model": made[-1].model.name,
        "budget_period_ids": opened["budget_period_ids"],
    }


def closing_row(opened: Row, plan: Plan, made: Sequence[Attempt], ending: Ending) -> Row:
    """Return the settled row: the cost of all attempts, the tokens of the one that served (else of the last)."""
    last = made[-1]
    usage = last.usage or Usage()
    cost = total_cost_nano_usd(made)
    baseline = baseline_cost_nano_usd(plan, usage) if last.state == "succeeded" else None
    flags = [*usage.flags, *ending.flags]
    if last.cost_nano_usd is not None and last.cost_nano_usd > last.reserved_nano_usd:
        flags.append("over_reservation")
    return {
        "request_id": opened["request_id"],
        "created_at": opened["created_at"],
        "state": ending.state,
        "settled_at": ending.settled_at.isoformat(),
        "provider": last.model.provider,
        "served_model": last.model.name,
        "price_snapshot": price_json(last.model.price),
        "attempts": [attempt.as_json() for attempt in made],
        "attempt_count": len(made),
        "is_fallback": last.model.id != made[0].model.id,
        "is_simulated": last.model.is_simulated,
        "is_embedded": last.model.is_embedded,
        "is_estimated": any(attempt.is_estimated for attempt in made),
        "is_unpriced": last.model.price is None,
        "client_disconnected": ending.client_disconnected,
        "flags": flags,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "reserved_nano_usd": 0,
        "cost_nano_usd": cost,
        "baseline_cost_nano_usd": baseline,
        "savings_nano_usd": None if baseline is None or cost is None else baseline - cost,
        "latency_ms": ending.latency_ms,
        "first_token_ms": ending.first_token_ms,
        "overhead_ms": ending.overhead_ms,
        "http_status": ending.http_status,
        "finish_reason": ending.finish_reason,
        "error_code": ending.error_code,
        "error_message": None if ending.error_message is None else clean(ending.error_message)[:500],
    }


def total_cost_nano_usd(made: Sequence[Attempt]) -> int | None:
    """Add up what the attempts cost; None when any of them is unknown."""
    total = 0
    for attempt in made:
        if attempt.cost_nano_usd is None:
            return None
        total += attempt.cost_nano_usd
    return total


def baseline_cost_nano_usd(plan: Plan, usage: Usage) -> int | None:
    """Price the tokens that were used at the baseline model's rates."""
    return None if plan.baseline is None else attempt_services.cost_nano_usd(usage, plan.baseline)


def reference_cost_nano_usd(plan: Plan) -> int | None:
    """Price the prompt, with a typical answer, at the baseline model's rates: known before anything is decided."""
    if plan.baseline is None:
        return None
    expected = costs.expected_cost(plan.baseline, plan.features)
    return None if expected is None else to_nano_usd(expected)


@lru_cache(maxsize=4096)
def price_json(price: PriceSchedule | None) -> dict[str, Any] | None:
    """Return rates as JSON, numbers as text, without those the price does not have; do not change what is returned."""
    if price is None:
        return None
    rates = {
        "input_usd_per_mtok": price.input_usd_per_mtok,
        "output_usd_per_mtok": price.output_usd_per_mtok,
        "cached_input_usd_per_mtok": price.cached_input_usd_per_mtok,
        "cache_write_usd_per_mtok": price.cache_write_usd_per_mtok,
        "reasoning_usd_per_mtok": price.reasoning_usd_per_mtok,
        "request_usd": price.request_usd or None,
    }
    tiers = [
        _present(
            {
                "from_input_tokens": str(tier.from_input_tokens),
                "input_usd_per_mtok": _text(tier.input_usd_per_mtok),
                "output_usd_per_mtok": _text(tier.output_usd_per_mtok),
                "cached_input_usd_per_mtok": _text(tier.cached_input_usd_per_mtok),
                "cache_write_usd_per_mtok": _text(tier.cache_write_usd_per_mtok),
            }
        )
        for tier in price.tiers
    ]
    known = _present({name: _text(rate) for name, rate in rates.items()})
    return {**known, "tiers": tiers} if tiers else known


def clean(text: str) -> str:
    """Make foreign text fit for every database: no NUL, no lone surrogates."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _present(values: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


def _text(rate: Decimal | None) -> str | None:
    return None if rate is None else str(rate)


def candidates_json(decision: RoutingDecision) -> list[dict[str, Any]]:
    """Describe the cheapest candidates, and among them those that were or would have been chosen."""
    considered = decision.considered
    if len(considered) > MAX_CANDIDATES:
        told = {decision.chosen.model.full_name, decision.greedy_model}
        rest = [candidate for candidate in considered[MAX_CANDIDATES:] if candidate.model.full_name in told]
        considered = (*considered[: MAX_CANDIDATES - len(rest)], *rest)
    return [_candidate(candidate, decision.greedy_model) for candidate in considered]


def _candidate(candidate: Candidate, greedy_model: str | None) -> dict[str, Any]:
    document = {
        "model": candidate.model.full_name,
        "tier": candidate.model.tier,
        "expected_cost_usd": _text(candidate.expected_cost_usd),
        "expected_quality": candidate.expected_quality,
    }
    if candidate.quality_lower is not None:
        document["quality_lower"] = candidate.quality_lower
    if candidate.expected_output_tokens is not None:
        document["expected_output_tokens"] = candidate.expected_output_tokens
    if candidate.model.full_name == greedy_model:
        document["is_greedy"] = True
    return document


def _experiment(plan: Plan) -> Row:
    assignment = plan.assignment
    if assignment is None:
        return {"experiment_id": None, "experiment_arm": None, "experiment_phase": None}
    return {
        "experiment_id": assignment.experiment_id,
        "experiment_arm": assignment.arm.name,
        "experiment_phase": assignment.phase,
    }


def _blank_outcome() -> Row:
    """Return what is not yet known; columns that are left out are null."""
    return {
        "is_fallback": False,
        "is_cache_hit": False,
        "is_estimated": False,
        "client_disconnected": False,
        "flags": [],
    }
