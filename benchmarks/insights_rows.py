"""Writes a year of the world's traffic: ledger rows, ratings, experiments, and the roll-ups that the product makes.

The last ``DAYS_IN_FULL`` days are there in full, which is all that detectors compare. Of the days before, one request
in ``THINNED`` is.
"""

import math
import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from benchmarks.insights_world import MODELS, PREVIEW, Pattern, Served, Team

DAYS = 365
DAYS_IN_FULL = 42
THINNED = 24
WINDOW_DAYS = 7
USERS = 40
BATCH = 2_000
_WEEKEND = 0.6
_WEEK_MEAN = (5 + 2 * _WEEKEND) / 7
_INPUT, _OUTPUT = (700, 0.6), (220, 0.5)
_LATENCY_SIGMA = 0.35
_STARS_SIGMA = 0.7
_PROVIDERS = sorted({name.partition("/")[0] for name in (*MODELS, PREVIEW)})
Row = dict[str, Any]


def fill(teams: list[Team], *, now: datetime, seed: int) -> tuple[int, int]:
    """Write everything up to the midnight before ``now``; return how many requests and ratings there are."""
    from accounts.services import api_keys
    from accounts.services import teams as team_services

    _catalog()
    requests = ratings = 0
    for team in teams:
        row = team_services.create(slug=team.slug)
        key = api_keys.issue(team=row, name="benchmark").api_key
        source = _Source(team, row.id, key.id, now, random.Random(seed * 1_000 + team.number))
        requests += source.write()
        ratings += source.rate()
        _experiment(team, row, now)
    return requests, ratings


def _catalog() -> None:
    from tests import factories

    providers = {slug: factories.provider(slug) for slug in _PROVIDERS}
    for name, (tier, input_usd, output_usd, _) in MODELS.items():
        slug, _, model = name.partition("/")
        factories.price(factories.language_model(providers[slug], model, tier=tier), input_usd, output_usd)
    slug, _, model = PREVIEW.partition("/")
    factories.language_model(providers[slug], model, allow_unpriced=True)


def _experiment(team: Team, row: Any, now: datetime) -> None:
    from experiments.models import Experiment

    if team.experiment_days is not None:
        started_at = now - timedelta(days=team.experiment_days)
        Experiment.objects.create(
            team=row,
            name="complexity against hybrid",
            control_strategy="complexity",
            test_strategy="hybrid",
            arms=[],
            created_by="benchmark",
            started_at=started_at,
            phase_started_at=started_at,
        )


class _Source:
    """Draws and writes the rows of one team."""

    def __init__(self, team: Team, team_id: int, key_id: int, now: datetime, rng: random.Random) -> None:
        self._team, self._ids, self._rng = team, (team_id, key_id), rng
        self._midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        self._template = _template(team_id, key_id)
        self._rated: list[tuple[Row, float]] = []

    def write(self) -> int:
        """Write the team's ledger rows and return their number."""
        from django.db import transaction

        from routing.services import ledger_sql

        batch: list[Row] = []
        count = 0
        with transaction.atomic():
            for row in self._rows():
                batch.append(row)
                count += 1
                if len(batch) == BATCH:
                    ledger_sql.insert(batch)
                    batch = []
            if batch:
                ledger_sql.insert(batch)
        return count

    def rate(self) -> int:
        """Write the ratings of what was written and return their number."""
        from feedback.models import ResponseFeedback
        from feedback.services import tallies

        rows = [ResponseFeedback(**self._rating(row, stars)) for row, stars in self._rated]
        ResponseFeedback.objects.bulk_create(rows, batch_size=BATCH)
        tallies.mark({row.created_at for row in rows})
        return len(rows)

    def _rows(self) -> Iterator[Row]:
        for age in range(DAYS, 0, -1):
            day = self._midnight - timedelta(days=age)
            for pattern in self._team.patterns.values():
                for _ in range(self._count(day, age)):
                    yield from self._requests(pattern, day, is_recent=age <= WINDOW_DAYS)

    def _count(self, day: datetime, age: int) -> int:
        weekday = (_WEEKEND if day.weekday() >= 5 else 1.0) / _WEEK_MEAN
        mean = self._team.requests_a_day * weekday / len(self._team.patterns)
        mean *= self._team.spend_ratio if age <= WINDOW_DAYS else 1.0
        mean /= 1 if age <= DAYS_IN_FULL else THINNED
        return max(0, round(self._rng.gauss(mean, math.sqrt(mean))))

    def _requests(self, pattern: Pattern, day: datetime, *, is_recent: bool) -> Iterator[Row]:
        rng, team = self._rng, self._team
        served = pattern.served[0] if rng.random() < pattern.served[0].share else pattern.served[1]
        created_at = day + timedelta(seconds=rng.random() * 86_400)
        row = self._row(pattern, served, created_at, is_recent=is_recent)
        if rng.random() < pattern.rated_share and not row["is_unpriced"]:
            self._rated.append((row, served.stars))
        yield row
        # Drawn so that repeats are their share of all requests, the first ones included.
        if rng.random() < team.repeats_share / (1 - team.repeats_share):
            later = (
                timedelta(minutes=rng.uniform(1, 50)) if team.are_repeats_soon else timedelta(hours=rng.uniform(26, 60))
            )
            if created_at + later < self._midnight:
                yield {**row, "request_id": self._id(), "created_at": (created_at + later).isoformat()}

    def _row(self, pattern: Pattern, served: Served, created_at: datetime, *, is_recent: bool) -> Row:
        rng, team = self._rng, self._team
        name, is_named = served.model, rng.random() < team.unpriced_share
        first = name = PREVIEW if is_named else name
        if rng.random() < team.failover_share.get(name, 0.0):
            name = pattern.served[1].model
        tokens_in, wanted = _lognormal(rng, *_INPUT), _lognormal(rng, *_OUTPUT)
        tokens_out = min(wanted, pattern.max_tokens or wanted)
        cost = None if is_named else _cost(name, tokens_in, tokens_out)
        baseline = _cost("north/large", tokens_in, tokens_out)
        moment = created_at.isoformat()
        provider, _, model = name.partition("/")
        return {
            **self._template,
            "request_id": self._id(),
            "created_at": moment,
            "settled_at": moment,
            "requested_model": first if is_named else "auto",
            "strategy": "named" if is_named else "hybrid",
            "pattern": pattern.name,
            "confidence": self._confidence(pattern, is_named),
            "user_id": f"user-{rng.randrange(USERS)}",
            "max_tokens": pattern.max_tokens,
            "prompt_fingerprint": f"{rng.getrandbits(256):064x}",
            "provider": provider,
            "served_model": model,
            "attempts": [_attempt(each) for each in dict.fromkeys((first, name))],
            "attempt_count": 1 if first == name else 2,
            "is_fallback": first != name,
            "is_unpriced": is_named,
            "input_tokens": tokens_in,
            "output_tokens": tokens_out,
            "cost_nano_usd": cost,
            "baseline_cost_nano_usd": baseline,
            "savings_nano_usd": None if cost is None else baseline - cost,
            "latency_ms": self._latency(name, is_recent=is_recent),
            "finish_reason": "length" if tokens_out < wanted else "stop",
        }

    def _confidence(self, pattern: Pattern, is_named: bool) -> str | None:
        if is_named:
            return None
        return "low" if self._rng.random() < pattern.low_confidence_share else "high"

    def _latency(self, name: str, *, is_recent: bool) -> int:
        median = self._team.latency_ms.get(name) or (MODELS[name][3] if name in MODELS else 900.0)
        ratio = self._team.latency_ratio.get(name, 1.0) if is_recent else 1.0
        return round(median * ratio * math.exp(self._rng.gauss(0, _LATENCY_SIGMA)))

    def _rating(self, row: Row, mean: float) -> Row:
        stars = min(5, max(1, round(self._rng.gauss(mean, _STARS_SIGMA))))
        requested_at = datetime.fromisoformat(row["created_at"])
        copied = ("pattern", "provider", "served_model", "strategy", "user_id", "cost_nano_usd", "is_fallback")
        return {
            "team_id": self._ids[0],
            "api_key_id": self._ids[1],
            "source": "api_key",
            "request_id": row["request_id"],
            "ledger_request_id": row["request_id"],
            "created_at": requested_at + timedelta(seconds=30),
            "requested_at": requested_at,
            "quality_score": stars,
            "is_correct": stars >= 3 if self._rng.random() < 0.5 else None,
            "reward": (stars - 1) / 4,
            "linked": True,
            "complexity_score": row["complexity_score"],
            "propensity": 1.0,
            "is_cache_hit": False,
            **{name: row[name] for name in copied},
        }

    def _id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def _template(team_id: int, key_id: int) -> Row:
    return {
        "instance_id": None,
        "state": "settled",
        "team_id": team_id,
        "api_key_id": key_id,
        "endpoint": "chat",
        "is_stream": False,
        "complexity_score": 0.3,
        "complexity_tier": "simple",
        "propensity": 1.0,
        "reasoning": "simulated for the benchmark",
        "candidates": [],
        "price_snapshot": {},
        "baseline_model": "north/large",
        "baseline_price_snapshot": {},
        "is_cache_hit": False,
        "is_simulated": False,
        "is_embedded": False,
        "is_estimated": False,
        "client_disconnected": False,
        "flags": [],
        "reserved_nano_usd": 0,
        "budget_period_ids": [],
        "overhead_ms": 3.5,
        "http_status": 200,
    }


def _attempt(name: str) -> dict[str, str]:
    provider, _, model = name.partition("/")
    return {"provider": provider, "model": model}


def _cost(name: str, tokens_in: int, tokens_out: int) -> int:
    _, input_usd, output_usd, _ = MODELS[name]
    # A dollar a million tokens is a thousand nano-dollars a token.
    return round((tokens_in * float(input_usd) + tokens_out * float(output_usd)) * 1_000)


def _lognormal(rng: random.Random, median: float, sigma: float) -> int:
    return max(1, round(median * math.exp(rng.gauss(0, sigma))))
