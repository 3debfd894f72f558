"""Evidence as it is when all went well: one whole answer, one refusal, one broken stream. Tests spoil it."""

import json
from dataclasses import replace
from typing import Any

from faults.evidence import Evidence
from faults.load import Client, Seen
from faults.ratings import Rated
from faults.watch import Holding, Probe
from tests.fake_upstream.tally import Exchange

RED = Client(1, "red", "ao-secret-of-red", "canary-of-red")
BLUE = Client(2, "blue", "ao-secret-of-blue", "canary-of-blue")
PRICES = {"input_usd_per_mtok": "1.000000", "output_usd_per_mtok": "2.000000"}
# 7 tokens in at 1,000 and 20 out at 2,000 nano-dollars.
COST, RESERVED = 47_000, 150_000
WHOLE = Seen(RED, "ok", False, 10.0, 0.1, 200, {"x-request-id": "r1"}, b'{"choices": []}')
REFUSAL = Seen(
    BLUE,
    "429",
    False,
    11.0,
    0.2,
    429,
    {"x-request-id": "r2", "retry-after": "1"},
    json.dumps({"error": {"message": "later", "type": "rate_limit", "code": "rate_limited", "param": None}}).encode(),
)
BROKEN = Seen(
    RED,
    "cut_mid",
    True,
    12.0,
    0.3,
    200,
    {"x-request-id": "r3", "content-type": "text/event-stream; charset=utf-8"},
    b'data: {"choices": []}\n\ndata: {"error": {"code": "interrupted"}}\n\n',
)


RATED = Rated(1, "r1", "key", "bob", 5, 0.1, 200, {"feedback_id": 7})


def stored(**fields: Any) -> dict[str, Any]:
    """Return that rating as the database has it, with these fields of it changed."""
    given = {"id": 7, "team_id": 1, "session_id": "key", "user_id": "bob", "linked": True, "ledger_request_id": "r1"}
    return {**given, "served_model": "ok", "created_at": 1, "experiment_id": None, "asked_by": 1, **fields}


def attempt(request_id: str, state: str = "succeeded", **fields: Any) -> dict[str, Any]:
    made = {"attempt_id": f"{request_id}-1", "model": "ok", "state": state, "reserved_nano_usd": RESERVED}
    return {**made, "cost_nano_usd": COST, "is_estimated": False, **fields}


def row(request_id: str, made: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "request_id": request_id,
        "state": "settled",
        "team_id": 1,
        "prompt_fingerprint": f"prompt of {request_id}",
        "attempts": [made],
        "cost_nano_usd": made["cost_nano_usd"],
        "price_snapshot": PRICES,
        "flags": [],
        **fields,
    }


def exchange(request_id: str, **fields: Any) -> Exchange:
    values = {"prompt_tokens": 7, "completion_tokens": 20, "usage": "reported", "is_billed": True, **fields}
    return Exchange(f"{request_id}-1", "openai", "ok", "ok", False, **values)


def evidence(**fields: Any) -> Evidence:
    """Return the good case with these fields of it changed."""
    good = Evidence(
        clients=(RED, BLUE),
        seen=(WHOLE, REFUSAL, BROKEN),
        exchanges=(exchange("r1"), exchange("r2", is_billed=False), exchange("r3")),
        rows=(
            row("r1", attempt("r1")),
            row("r2", attempt("r2", "failed", cost_nano_usd=0), state="failed", team_id=2),
            row("r3", attempt("r3", "partial", cost_nano_usd=RESERVED, is_estimated=True), state="partial"),
        ),
        periods=(
            {"team_id": 1, "spent_nano_usd": COST + RESERVED, "reserved_nano_usd": 0},
            {"team_id": 2, "spent_nano_usd": 0, "reserved_nano_usd": 0},
        ),
        budgets=((1, 300_000, 1_000_000),),
        probes=(Probe(11.0, 8001, "/health/live", 200), Probe(30.0, 8001, "/health/ready", 200)),
        holdings=((Holding(40, 12, 150.0), Holding(42, 12, 155.0)),),
        web=(),
        dump="INSERT INTO teams VALUES (1, 'red');",
        logs="A request was served.",
        harmed_at=11.0,
        healed_at=16.0,
    )
    return replace(good, **fields)
