"""What a caller gets to see of an answer: the OpenAI body with its cost, our own body, and the headers of both."""

from decimal import Decimal
from typing import Any

import msgspec
import orjson

from routing.domain.catalog import ModelSpec
from routing.domain.pricing import from_nano_usd
from routing.domain.usage import Usage
from routing.providers.base import ProviderError, StreamEnd
from routing.services.decisions import Plan

JSON_TYPE = "application/json"
STREAM_TYPE = "text/event-stream; charset=utf-8"
DONE = b"data: [DONE]\n\n"
_NOTICES = {
    "simulated": "Simulated answer for trials; no language model was asked. Outside every savings claim.",
    "embedded": "Answer of the small model that runs beside the product, for trials. Outside every savings claim.",
}


class Rendered(msgspec.Struct, frozen=True):
    """A whole response, ready to be sent and to be kept for a repeated Idempotency-Key."""

    status: int
    headers: dict[str, str]
    body: bytes
    content_type: str = JSON_TYPE


class Result(msgspec.Struct, frozen=True):
    """How a request was served. Money in whole nano-dollars, None when unknown (or, on a stream, not yet known)."""

    request_id: str
    plan: Plan
    model: ModelSpec
    attempts: int
    usage: Usage | None
    cost_nano_usd: int | None
    baseline_cost_nano_usd: int | None
    latency_ms: int
    overhead_ms: float
    finish_reason: str | None = None
    is_fallback: bool = False
    is_cache_hit: bool = False

    @property
    def savings_nano_usd(self) -> int | None:
        if self.cost_nano_usd is None or self.baseline_cost_nano_usd is None:
            return None
        return self.baseline_cost_nano_usd - self.cost_nano_usd


def usd(nano_usd: int | None) -> str:
    """Return dollars as plain decimal text, exactly; ``unknown`` for None."""
    return "unknown" if nano_usd is None else _plain(from_nano_usd(nano_usd))


def headers(result: Result) -> dict[str, str]:
    """Return all headers of a finished answer."""
    return {
        **stream_headers(result),
        "x-optimizer-cost-usd": usd(result.cost_nano_usd),
        "x-optimizer-baseline-cost-usd": usd(result.baseline_cost_nano_usd),
        "x-optimizer-savings-usd": usd(result.savings_nano_usd),
        "x-optimizer-overhead-ms": f"{result.overhead_ms:.2f}",
    }


def stream_headers(result: Result) -> dict[str, str]:
    """Return the headers that are known before an answer's end."""
    plan, model = result.plan, result.model
    found = {
        "x-request-id": result.request_id,
        "x-optimizer-model": model.name,
        "x-optimizer-provider": model.provider,
        "x-optimizer-strategy": plan.decision.strategy,
        "x-optimizer-pattern": plan.features.pattern,
        "x-optimizer-cache": "hit" if result.is_cache_hit else "miss",
        "x-optimizer-attempts": str(result.attempts),
    }
    if plan.decision.confidence is not None:
        found["x-optimizer-confidence"] = plan.decision.confidence
    if plan.baseline is not None:
        found["x-optimizer-baseline-model"] = plan.baseline.full_name
    if (kind := _trial_kind(model)) is not None:
        found[f"x-optimizer-{kind}"] = "true"
    if plan.assignment is not None:
        found["x-optimizer-experiment"] = str(plan.assignment.experiment_id)
        found["x-optimizer-experiment-arm"] = plan.assignment.arm.name
    if plan.cap is not None:
        found["x-optimizer-max-tokens"] = str(plan.cap)
    return found


def chat_body(result: Result, body: dict[str, Any]) -> bytes:
    """Return the provider's chat completion with its cost, labeled where it is a trial's."""
    return orjson.dumps({**body, **_label(result.model), "usage": _usage_json(result, body.get("usage"))})


def complete_body(result: Result, body: dict[str, Any], total_cost_today_nano_usd: int | None) -> bytes:
    """Return the answer of ``POST /complete``."""
    plan, usage = result.plan, result.usage or Usage()
    return orjson.dumps(
        {
            "request_id": result.request_id,
            "response": answer_text(body),
            "provider": result.model.provider,
            "model": result.model.name,
            **_label(result.model),
            "strategy_used": plan.decision.strategy,
            "confidence": plan.decision.confidence,
            "pattern": plan.features.pattern,
            "complexity_score": plan.features.complexity_score,
            "reasoning": plan.decision.reasoning,
            "fallback_used": result.is_fallback,
            "tokens_in": usage.input_tokens,
            "tokens_out": usage.output_tokens,
            "cost": number(result.cost_nano_usd),
            "baseline_model": plan.baseline.full_name if plan.baseline else None,
            "baseline_cost": number(result.baseline_cost_nano_usd),
            "savings": number(result.savings_nano_usd),
            "latency_ms": result.latency_ms,
            "cache_hit": result.is_cache_hit,
            "total_cost_today": number(total_cost_today_nano_usd),
            **({"experiment_assignment": plan.assignment.arm.name} if plan.assignment else {}),
        }
    )


def last_chunks(result: Result, end: StreamEnd, *, wants_usage_chunk: bool) -> bytes:
    """Return the end of a stream: the final chunk, usage with cost, ``[DONE]``.

    Who asked for a usage chunk gets it as OpenAI sends it; everybody else finds usage on the final chunk, since a chunk
    without choices would break clients that never asked for one.
    """
    usage = _usage_json(result, end.usage_extra)
    final = {**end.final_chunk, **_label(result.model)}
    if not wants_usage_chunk:
        return _event({**final, "usage": usage}) + DONE
    summary = {**end.final_chunk, "choices": [], "usage": usage}
    return _event({**final, "usage": None}) + _event(summary) + DONE


def stream_error(error: ProviderError) -> bytes:
    """Return the event that ends a broken stream; no ``[DONE]`` follows it."""
    return _event(
        {
            "error": {
                "message": f"The provider's answer broke off: {error.message}",
                "type": "upstream_error",
                "code": error.code,
                "param": None,
            }
        }
    )


def answer_text(body: dict[str, Any]) -> str:
    """Return all text of a chat completion, tool arguments included; empty for shapes without any."""
    pieces = []
    for choice in body.get("choices", ()):
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict):
            continue
        if isinstance(message.get("content"), str):
            pieces.append(message["content"])
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            function = call.get("function") if isinstance(call, dict) else None
            arguments = function.get("arguments") if isinstance(function, dict) else None
            if isinstance(arguments, str):
                pieces.append(arguments)
    return "\n".join(pieces)


def number(nano_usd: int | None) -> orjson.Fragment | None:
    """Return dollars as an exact JSON number, null when unknown."""
    return None if nano_usd is None else orjson.Fragment(usd(nano_usd))


def provider_json(body: dict[str, Any]) -> bytes:
    """Return a provider's answer as it is kept for reuse."""
    return orjson.dumps(body)


def parsed_json(body: bytes) -> dict[str, Any]:
    """Return an answer kept by ``provider_json``."""
    parsed: dict[str, Any] = orjson.loads(body)
    return parsed


def _usage_json(result: Result, given: object) -> dict[str, Any]:
    usage = result.usage or Usage()
    return {
        **(given if isinstance(given, dict) else {}),
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "cost_usd": number(result.cost_nano_usd),
        "baseline_cost_usd": number(result.baseline_cost_nano_usd),
        "savings_usd": number(result.savings_nano_usd),
        **({"estimated": True} if usage.estimated else {}),
    }


def _label(model: ModelSpec) -> dict[str, Any]:
    kind = _trial_kind(model)
    return {} if kind is None else {kind: True, "optimizer_notice": _NOTICES[kind]}


def _trial_kind(model: ModelSpec) -> str | None:
    if model.is_simulated:
        return "simulated"
    return "embedded" if model.is_embedded else None


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def _plain(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
