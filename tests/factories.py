"""Rows for tests: every required field has a plain default, and what a test is about is passed by name."""

import itertools
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group, User

from accounts.models import ApiKey, Team
from accounts.services import api_keys
from feedback.models import ResponseFeedback
from feedback.services import tallies
from routing.domain import time_ranges
from routing.models import CachedResponse, ChangedHour, LanguageModel, LedgerEntry, ModelPrice, Provider
from routing.services import change_marks

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
_numbers = itertools.count(1)


def team(slug: str = "", **fields: Any) -> Team:
    slug = slug or f"team-{next(_numbers)}"
    return Team.objects.create(slug=slug, **{"name": slug.replace("-", " ").title(), **fields})


_new_team = team  # for functions whose parameter hides the name


def api_key(team: Team | None = None, **fields: Any) -> tuple[ApiKey, str]:
    """Issue a key as the product does and return it with its secret; a team is made when none is given."""
    issued = api_keys.issue(**{"team": team or _new_team(), "name": "test key", **fields})
    return issued.api_key, issued.secret


def staff(name: str = "", role: str = "") -> User:
    """Make a member of staff, with the role that is named: viewer, operator or admin."""
    user = User.objects.create_user(name or f"staff-{next(_numbers)}", is_staff=True)
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


def bearer(secret: str) -> dict[str, str]:
    """Return the header that proves the key, for ``Client.get(..., headers=bearer(secret))``."""
    return {"authorization": f"Bearer {secret}"}


def provider(slug: str = "", **fields: Any) -> Provider:
    """Make a provider that needs no key, so that it is reachable without an environment."""
    slug = slug or f"provider-{next(_numbers)}"
    defaults = {
        "name": slug.title(),
        "kind": Provider.Kind.OPENAI_COMPATIBLE,
        "base_url": "http://127.0.0.1:9/v1",
        "needs_key": False,
    }
    return Provider.objects.create(slug=slug, **{**defaults, **fields})


_new_provider = provider


def language_model(provider: Provider | None = None, name: str = "", **fields: Any) -> LanguageModel:
    """Make a routable model of the simple tier; it has no price until ``price`` gives it one."""
    name = name or f"model-{next(_numbers)}"
    defaults = {
        "upstream_name": name,
        "canonical_name": name,
        "tier": LanguageModel.Tier.SIMPLE,
        "context_tokens": 128_000,
        "max_output_tokens": 8_000,
        "supports_tools": True,
        "supports_images": False,
        "supports_json": True,
        "is_routable": True,
    }
    return LanguageModel.objects.create(provider=provider or _new_provider(), name=name, **{**defaults, **fields})


def price(
    language_model: LanguageModel, input_usd: str = "1.00", output_usd: str = "2.00", **fields: Any
) -> ModelPrice:
    """Price a model in dollars per million tokens, in force since 2020."""
    defaults = {
        "input_usd_per_mtok": Decimal(input_usd),
        "output_usd_per_mtok": Decimal(output_usd),
        "active_from": datetime(2020, 1, 1, tzinfo=UTC),
        "source": ModelPrice.Source.CATALOG,
    }
    return ModelPrice.objects.create(language_model=language_model, **{**defaults, **fields})


def ledger_entry(team: Team, **fields: Any) -> LedgerEntry:
    """Write one settled, real, successful request: 1,000 tokens in, 200 out, 0.001 dollars against 0.003 of baseline.

    ``savings_nano_usd`` follows from cost and baseline unless it is given.
    """
    row = unsaved_ledger_entry(team, **fields)
    row.save(force_insert=True)
    mark_hours([row])
    return row


def mark_hours(rows: Iterable[LedgerEntry]) -> None:
    """Say that the hours of these rows have changed, as the ledger's own statements do."""
    change_marks.mark(ChangedHour, {time_ranges.floor(row.created_at, time_ranges.HOUR) for row in rows})


def unsaved_ledger_entry(team: Team, **fields: Any) -> LedgerEntry:
    """Make the same without storing it, for ``bulk_create``."""
    values: dict[str, Any] = {
        "request_id": uuid.uuid4(),
        "created_at": NOON,
        "settled_at": NOON,
        "state": LedgerEntry.State.SETTLED,
        "endpoint": "chat",
        "is_stream": False,
        "requested_model": "auto",
        "strategy": "complexity",
        "pattern": "general",
        "complexity_score": 0.2,
        "complexity_tier": "simple",
        "confidence": "medium",
        "propensity": 1.0,
        "reasoning": "simple prompt",
        "candidates": [],
        "prompt_fingerprint": "0" * 64,
        "provider": "openai",
        "served_model": "gpt-small",
        "price_snapshot": {},
        "baseline_model": "gpt-large",
        "attempts": [],
        "attempt_count": 1,
        "is_fallback": False,
        "is_cache_hit": False,
        "is_simulated": False,
        "is_embedded": False,
        "is_estimated": False,
        "is_unpriced": False,
        "client_disconnected": False,
        "flags": [],
        "input_tokens": 1000,
        "output_tokens": 200,
        "cached_input_tokens": 0,
        "cache_write_tokens": 0,
        "reasoning_tokens": 0,
        "reserved_nano_usd": 0,
        "budget_period_ids": [],
        "cost_nano_usd": 1_000_000,
        "baseline_cost_nano_usd": 3_000_000,
        "latency_ms": 100,
        "http_status": 200,
        "finish_reason": "stop",
        **fields,
    }
    if "savings_nano_usd" not in values and None not in (values["cost_nano_usd"], values["baseline_cost_nano_usd"]):
        values["savings_nano_usd"] = values["baseline_cost_nano_usd"] - values["cost_nano_usd"]
    return LedgerEntry(team=team, **values)


def cached_response(team: Team, **fields: Any) -> CachedResponse:
    """Keep one answer for reuse; its body is not decryptable, which only reading it would notice."""
    values: dict[str, Any] = {
        "key": uuid.uuid4().hex,
        "source_request_id": uuid.uuid4(),
        "provider": "openai",
        "served_model": "gpt-small",
        "is_stream": False,
        "encrypted_body": b"",
        "usage": {},
        "original_cost_nano_usd": 1_000_000,
        "created_at": NOON,
        "expires_at": datetime(2100, 1, 1, tzinfo=UTC),
        **fields,
    }
    return CachedResponse.objects.create(team=team, **values)


def feedback(team: Team, **fields: Any) -> ResponseFeedback:
    """Write one unnamed rating of four stars, linked to a request of its own in which ``gpt-small`` answered."""
    row = unsaved_feedback(team, **fields)
    row.save(force_insert=True)
    tallies.mark([row.created_at])
    return row


def unsaved_feedback(team: Team, **fields: Any) -> ResponseFeedback:
    """Make the same without storing it, for ``bulk_create``."""
    request_id = uuid.uuid4()
    values: dict[str, Any] = {
        "source": ResponseFeedback.Source.API_KEY,
        "request_id": str(fields.get("ledger_request_id") or request_id),
        "created_at": NOON,
        "quality_score": 4,
        "is_correct": True,
        "reward": 0.875,
        "linked": True,
        "ledger_request_id": request_id,
        "requested_at": NOON,
        "pattern": "general",
        "provider": "openai",
        "served_model": "gpt-small",
        "strategy": "complexity",
        "complexity_score": 0.2,
        "propensity": 1.0,
        "cost_nano_usd": 1_000_000,
        "is_cache_hit": False,
        "is_fallback": False,
        **fields,
    }
    return ResponseFeedback(team=team, **values)
