"""The gateway's part of the OpenAPI schema, written by hand: its paths are no Django views that could be inspected."""

from typing import Any

Schema = dict[str, Any]

_SECURITY: list[dict[str, list[str]]] = [{"bearerKey": []}, {"headerKey": []}]
_ERRORS = {
    "401": "The API key is missing, unknown, expired or revoked.",
    "402": "A hard budget has not enough left for what this request may cost.",
    "400": "The experiment assigns users or sessions, and the request names none.",
    "404": "No reachable provider offers the model, or there is no such experiment.",
    "409": "A request with this Idempotency-Key is being worked on, or the experiment has ended.",
    "413": "The body is too large.",
    "422": "A value is not valid, or no model can serve the request within its limits.",
    "429": "The key's rate limit is reached; Retry-After says for how long.",
    "503": "The store or every provider is unavailable; Retry-After says for how long.",
}
_ANSWER_HEADERS = {
    "x-request-id": "Names the request, also in the ledger.",
    "x-optimizer-model": "Model that served.",
    "x-optimizer-provider": "Provider that served.",
    "x-optimizer-strategy": "Strategy that chose the model.",
    "x-optimizer-pattern": "Kind of prompt.",
    "x-optimizer-confidence": "high, medium or low.",
    "x-optimizer-cache": "hit or miss.",
    "x-optimizer-attempts": "Exchanges with providers.",
    "x-optimizer-cost-usd": "Cost; on a stream it comes in the last chunk instead.",
    "x-optimizer-baseline-cost-usd": "What the baseline model would have cost.",
    "x-optimizer-savings-usd": "Baseline less cost.",
    "x-optimizer-overhead-ms": "Our own time.",
    "x-optimizer-experiment": "Experiment that the request took part in.",
    "x-optimizer-experiment-arm": "Its arm that chose the model: control or test.",
    "x-optimizer-feedback-token": "Lets whoever holds it rate this answer at /feedback without a key.",
}
_CONTROLS = {
    "x-optimizer-max-cost-usd": ("Only models expected to cost at most this.", {"type": "number", "minimum": 0}),
    "x-optimizer-min-quality": (
        "Only models expected to reach this quality.",
        {"type": "number", "minimum": 0, "maximum": 1},
    ),
    "x-optimizer-cache": (
        "no-store keeps this answer out of the response cache.",
        {"type": "string", "enum": ["no-store"]},
    ),
    "x-optimizer-session": ("The caller's session.", {"type": "string"}),
    "x-optimizer-task": ("The caller's own category.", {"type": "string", "maxLength": 64}),
    "x-optimizer-experiment": ("An experiment to take part in; its arm decides.", {"type": "integer", "minimum": 1}),
    "Idempotency-Key": ("The same key and body get the same answer for 24 hours, billed once.", {"type": "string"}),
}
_CHAT_REQUEST: Schema = {
    "type": "object",
    "description": "As the OpenAI API defines it; fields not listed here are passed on to the provider.",
    "required": ["model", "messages"],
    "properties": {
        "model": {"type": "string", "description": "auto, auto:<strategy> or an id of /v1/models.", "example": "auto"},
        "messages": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["role"],
                "properties": {"role": {"type": "string"}, "content": {"description": "Text, or a list of parts."}},
            },
            "example": [{"role": "user", "content": "What is the capital of Norway?"}],
        },
        "stream": {"type": "boolean", "default": False},
        "max_tokens": {"type": "integer", "minimum": 1},
        "temperature": {"type": "number"},
        "tools": {"type": "array", "items": {"type": "object"}},
        "response_format": {"type": "object"},
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "additionalProperties": True,
}
_CHAT_ANSWER: Schema = {
    "type": "object",
    "description": "A chat completion as the OpenAI API defines it.",
    "properties": {
        "id": {"type": "string"},
        "object": {"type": "string"},
        "created": {"type": "integer"},
        "model": {"type": "string", "description": "The model that served."},
        "choices": {"type": "array", "items": {"type": "object"}},
        "usage": {
            "type": "object",
            "properties": {
                "prompt_tokens": {"type": "integer"},
                "completion_tokens": {"type": "integer"},
                "total_tokens": {"type": "integer"},
                "cost_usd": {"type": "number", "nullable": True},
            },
        },
    },
}
_COMPLETE_REQUEST: Schema = {
    "type": "object",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string", "minLength": 1, "maxLength": 10_000},
        "max_tokens": {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 1000},
        "auto_route": {"type": "boolean", "default": False, "description": "false: complexity; true: hybrid."},
        "strategy": {"type": "string", "description": "Wins over auto_route."},
        "experiment_id": {"type": "integer", "description": "Takes part in it; needs user_id. Its arm decides."},
        "user_id": {"type": "string"},
        "session_id": {"type": "string"},
        "tokenizer_id": {"type": "string"},
    },
    "additionalProperties": False,
}
_COMPLETE_ANSWER: Schema = {
    "type": "object",
    "properties": {
        "request_id": {"type": "string", "format": "uuid"},
        **{name: {"type": "string"} for name in ("response", "provider", "model", "strategy_used")},
        "confidence": {"type": "string", "nullable": True},
        "pattern": {"type": "string"},
        "complexity_score": {"type": "number"},
        "reasoning": {"type": "string"},
        "fallback_used": {"type": "boolean"},
        "tokens_in": {"type": "integer"},
        "tokens_out": {"type": "integer"},
        **{name: {"type": "number", "nullable": True} for name in ("cost", "baseline_cost", "savings")},
        "latency_ms": {"type": "integer"},
        "cache_hit": {"type": "boolean"},
        "total_cost_today": {"type": "number"},
        "experiment_assignment": {"type": "string", "enum": ["control", "test"]},
    },
}
_OPENAI_ERROR: Schema = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "code": {"type": "string", "nullable": True},
                "param": {"type": "string", "nullable": True},
            },
        }
    },
}
_DETAIL_ERROR: Schema = {
    "type": "object",
    "properties": {"detail": {"description": "Text; for 422 a list of objects with loc, msg and type."}},
}


def add_gateway_paths(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """Add the gateway's paths to the generated schema; called by drf-spectacular."""
    result["components"]["schemas"].update(
        ChatCompletionRequest=_CHAT_REQUEST,
        ChatCompletion=_CHAT_ANSWER,
        CompleteRequest=_COMPLETE_REQUEST,
        Complete=_COMPLETE_ANSWER,
        OpenAIError=_OPENAI_ERROR,
        DetailError=_DETAIL_ERROR,
    )
    chat = _operation("chat_completions", "Answer a conversation (OpenAI-compatible)", "ChatCompletion", "OpenAIError")
    chat["responses"]["200"]["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    complete = _operation("complete", "Answer one prompt", "Complete", "DetailError")
    gateway = {"/complete": {"post": {**complete, "tags": ["completions"]}}}
    gateway["/v1/chat/completions"] = {"post": {**chat, "tags": ["completions"]}}
    result["paths"] = dict(sorted({**result["paths"], **gateway}.items()))
    return result


def _operation(operation_id: str, summary: str, answer: str, error: str) -> Schema:
    return {
        "operationId": operation_id,
        "summary": summary,
        "security": _SECURITY,
        "parameters": [
            {"name": name, "in": "header", "description": description, "schema": schema}
            for name, (description, schema) in _CONTROLS.items()
        ],
        "requestBody": {"required": True, "content": _content(f"{answer}Request")},
        "responses": {
            "200": {
                "description": "The answer.",
                "headers": {
                    name: {"description": description, "schema": {"type": "string"}}
                    for name, description in _ANSWER_HEADERS.items()
                },
                "content": _content(answer),
            },
            **{
                status: {"description": description, "content": _content(error)}
                for status, description in _ERRORS.items()
            },
        },
    }


def _content(schema: str) -> Schema:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
