"""Fills a fresh PostgreSQL database with a year of ledger rows and ratings: by COPY, with indexes made afterwards."""

import io
import json
import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connection

from routing.models import LedgerEntry

TABLE = LedgerEntry._meta.db_table
DAYS = 365
TEAMS = 8
KEYS_PER_TEAM = 3
PATTERNS = ("code", "analysis", "creative", "explanation", "factual", "reasoning", "general")
STRATEGIES = ("complexity", "learning", "hybrid", "named")
CONFIDENCES = ("high", "medium", "low", None)
MODELS = (
    ("openai", "gpt-large"),
    ("openai", "gpt-small"),
    ("claude", "opus"),
    ("claude", "haiku"),
    ("gemini", "pro"),
    ("gemini", "flash"),
    ("openrouter", "llama"),
    ("cerebras", "llama"),
)
# Rows are put together from so many different ones, which is more than a day has of a team.
SHAPES = 20_000
ROWS_PER_BLOCK = 1_000
SEED = 20_260_304
# One request in so many is rated.
RATED = 40


def fill(count: int, *, now: datetime) -> None:
    """Make teams, keys, ``count`` ledger rows in the order of their time over the year before ``now``, and ratings."""
    from accounts.services import api_keys, teams

    made = [teams.create(slug=f"team-{number}") for number in range(TEAMS)]
    keys = [
        (team.id, api_keys.issue(team=team, name=f"key {number}").api_key.id)
        for team in made
        for number in range(KEYS_PER_TEAM)
    ]
    definitions = _drop_indexes()
    start, step = now - timedelta(days=DAYS), timedelta(days=DAYS) / count
    _copy(_blocks(random.Random(SEED), count, keys, start, step))
    with connection.cursor() as cursor:
        for definition in definitions:
            cursor.execute(definition)
        cursor.execute(_RATINGS)
        # What PostgreSQL's own vacuum does after so many rows, where it is switched on.
        cursor.execute("VACUUM ANALYZE")


def go_on(*, now: datetime) -> int:
    """Let traffic go on since the last row of an earlier run, as dense as it was; return how many rows that makes."""
    from accounts.models import ApiKey

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT max(created_at), (max(created_at) - min(created_at)) / count(*) FROM {TABLE}")
        last, step = cursor.fetchone()
    count = int((now - last) / step)
    keys = list(ApiKey.objects.values_list("team_id", "id"))
    _copy(_blocks(random.Random(last.isoformat()), count, keys, last + step, step))
    return count


def _copy(blocks: Iterator[str]) -> None:
    columns = ", ".join(str(field.column) for field in LedgerEntry._meta.concrete_fields)
    with connection.cursor() as cursor:
        cursor.cursor.copy_expert(f"COPY {TABLE} ({columns}) FROM STDIN", _Text(blocks))


def _drop_indexes() -> list[str]:
    """Drop keys and indexes of the ledger; return what makes them again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE conrelid = %s::regclass AND contype IN ('p', 'f') ORDER BY contype DESC",
            [TABLE],
        )
        constraints = cursor.fetchall()
        for name, _ in constraints:
            cursor.execute(f'ALTER TABLE {TABLE} DROP CONSTRAINT "{name}"')
        cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", [TABLE])
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
    return [
        *(definition for _, definition in indexes),
        *(f'ALTER TABLE {TABLE} ADD CONSTRAINT "{name}" {definition}' for name, definition in constraints),
    ]


class _Text(io.TextIOBase):
    """Blocks of text as a file that is read from front to back, a block at a time."""

    def __init__(self, blocks: Iterator[str]) -> None:
        self._blocks = blocks
        self._block = io.StringIO()

    def read(self, size: int | None = -1, /) -> str:
        found = self._block.read(size)
        if not found:
            self._block = io.StringIO(next(self._blocks, ""))
            found = self._block.read(size)
        return found


def _blocks(
    rng: random.Random, count: int, keys: list[tuple[int, int]], start: datetime, step: timedelta
) -> Iterator[str]:
    columns = [str(field.column) for field in LedgerEntry._meta.concrete_fields]
    shapes = [_shape(rng, keys[rng.randrange(len(keys))], columns) for _ in range(SHAPES)]
    for first in range(0, count, ROWS_PER_BLOCK):
        lines = []
        for number in range(first, min(count, first + ROWS_PER_BLOCK)):
            created_at = start + step * number
            before, between, after = shapes[rng.randrange(SHAPES)]
            moment = created_at.isoformat()
            identity = uuid.UUID(int=(int(created_at.timestamp() * 1000) << 80) | rng.getrandbits(80))
            lines.append(f"{before}{identity}{between}{moment}\t{moment}{after}")
        yield "".join(lines)


def _shape(rng: random.Random, key: tuple[int, int], columns: list[str]) -> tuple[str, str, str]:
    """Return a line of COPY in three parts, between which its id and its times belong."""
    values = row_values(rng, key)
    texts = ["\\N" if values.get(column) is None else str(values[column]) for column in columns]
    place, times = columns.index("request_id"), columns.index("created_at")
    before = "".join(f"{text}\t" for text in texts[:place])
    between = "".join(f"\t{text}" for text in texts[place + 1 : times]) + "\t"
    after = "".join(f"\t{text}" for text in texts[times + 2 :]) + "\n"
    return before, between, after


def row_values(rng: random.Random, key: tuple[int, int]) -> dict[str, object]:
    provider, model = MODELS[rng.randrange(len(MODELS))]
    state = rng.choices(("settled", "failed", "partial", "orphaned"), (970, 24, 5, 1))[0]
    is_cache_hit = state == "settled" and rng.random() < 0.08
    input_tokens, output_tokens = int(rng.lognormvariate(6, 1)), int(rng.lognormvariate(5, 1))
    cost = 0 if is_cache_hit else input_tokens * 150 + output_tokens * 600
    baseline = input_tokens * 2_500 + output_tokens * 10_000 if state == "settled" else None
    candidate = {
        "model": f"{provider}/{model}",
        "tier": "simple",
        "expected_cost_usd": "0.000125",
        "expected_quality": 0.8,
    }
    attempt = {
        "id": "a",
        "model": f"{provider}/{model}",
        "state": "succeeded",
        "cost_nano_usd": cost,
        "latency_ms": 900,
    }
    return {
        "instance_id": uuid.UUID(int=1),
        "state": state,
        "team_id": key[0],
        "api_key_id": key[1],
        "endpoint": "chat",
        "is_stream": False,
        "requested_model": "auto",
        "strategy": rng.choice(STRATEGIES),
        "pattern": rng.choice(PATTERNS),
        "complexity_score": 0.25,
        "complexity_tier": "simple",
        "confidence": rng.choice(CONFIDENCES),
        "propensity": 1.0,
        "reasoning": "A simple factual prompt: the cheapest model that is good enough answers it.",
        "candidates": json.dumps([candidate] * 3),
        "prompt_fingerprint": f"{rng.getrandbits(256):064x}",
        "provider": provider,
        "served_model": model,
        "price_snapshot": '{"input_usd_per_mtok": "0.15", "output_usd_per_mtok": "0.6"}',
        "baseline_model": "openai/gpt-large",
        "baseline_price_snapshot": '{"input_usd_per_mtok": "2.5", "output_usd_per_mtok": "10"}',
        "attempts": json.dumps([] if is_cache_hit else [attempt]),
        "attempt_count": 0 if is_cache_hit else 1,
        "is_fallback": rng.random() < 0.02,
        "is_cache_hit": is_cache_hit,
        "is_simulated": False,
        "is_embedded": False,
        "is_estimated": False,
        "is_unpriced": False,
        "client_disconnected": False,
        "flags": "[]",
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "reserved_nano_usd": 0,
        "budget_period_ids": "[]",
        "cost_nano_usd": cost,
        "baseline_cost_nano_usd": baseline,
        "savings_nano_usd": None if baseline is None else baseline - cost,
        "latency_ms": 5 if is_cache_hit else int(rng.lognormvariate(7, 0.8)),
        "overhead_ms": 3.5,
        "http_status": 200 if state == "settled" else 502,
    }


_RATINGS = f"""
INSERT INTO response_feedback (
    team_id, api_key_id, source, request_id, created_at, quality_score, is_correct, metrics, reward, comment,
    linked, ledger_request_id, requested_at, pattern, provider, served_model, strategy, complexity_score, propensity,
    cost_nano_usd, is_cache_hit, is_fallback
)
SELECT team_id, api_key_id, 'api_key', request_id::text, created_at, 3 + latency_ms % 3, latency_ms % 9 > 0, '{{}}',
    0.8, '', true, request_id, created_at, pattern, provider, served_model, strategy, complexity_score, propensity,
    cost_nano_usd, is_cache_hit, is_fallback
FROM {TABLE} WHERE state = 'settled' AND hashtext(request_id::text) % {RATED} = 0
"""
