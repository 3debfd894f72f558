"""Prompts of a window that were paid for more than once, as the response cache would have seen them.

The ledger keeps no parameters such as the temperature, only what the prompt was and what was asked for: requests that
differ in nothing else may be told apart by the cache.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import groupby
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from insights.domain import repeats
from insights.domain.observations import RepeatedPrompt
from insights.selectors import ledger_window
from insights.selectors.ledger_window import Period
from routing.models import LedgerEntry
from routing.services.response_cache import REUSABLE_FINISHES

# The most expensive ones are looked at request by request; what is beyond adds little, and bounds what a review reads.
MOST_PROMPTS = 1_000
_MOST_REQUESTS = 200_000
_EXAMPLES = 2
_CHUNK = 5_000
_SAME = ("prompt_fingerprint", "requested_model", "is_stream", "max_tokens", "min_quality", "policy_version")
_REUSABLE = Q(experiment_id__isnull=True, finish_reason__in=REUSABLE_FINISHES)


def repeated(period: Period, lifetime: timedelta) -> tuple[RepeatedPrompt, ...]:
    """Return the prompts that cached answers, kept for ``lifetime``, would have saved the cost of."""
    fingerprints = list(_often_paid(period))
    if not fingerprints:
        return ()
    wanted = _rows(period).filter(prompt_fingerprint__in=fingerprints).order_by(*_SAME, "created_at", "request_id")
    columns = (*_SAME, "provider", "served_model", "request_id", "created_at", "cost_nano_usd")
    read = wanted.values(*columns)[:_MOST_REQUESTS].iterator(chunk_size=_CHUNK)
    found = (_prompt(list(group), lifetime) for _, group in groupby(read, _identity))
    return tuple(prompt for prompt in found if prompt.repeats)


def _often_paid(period: Period) -> Iterator[str]:
    """Return the fingerprints that occur more than once, the most expensive first."""
    groups = (
        _rows(period)
        .order_by()
        .values("prompt_fingerprint")
        .annotate(requests=Count("request_id"), cost=Sum("cost_nano_usd", default=0))
        .filter(requests__gt=1, cost__gt=0)
        .order_by("-cost", "prompt_fingerprint")
    )
    return (group["prompt_fingerprint"] for group in groups[:MOST_PROMPTS])


def _rows(period: Period) -> QuerySet[LedgerEntry]:
    return ledger_window.rows(period).filter(_REUSABLE)


def _identity(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _SAME)


def _prompt(rows: Iterable[dict[str, Any]], lifetime: timedelta) -> RepeatedPrompt:
    rows = list(rows)
    counted = repeats.count(((row["created_at"], row["cost_nano_usd"] or 0) for row in rows), lifetime)
    first = rows[0]
    return RepeatedPrompt(
        prompt_fingerprint=first["prompt_fingerprint"],
        model=f"{first['provider']}/{first['served_model']}",
        requests=counted.requests,
        repeats=counted.repeats,
        repeats_cost_nano_usd=counted.repeats_cost_nano_usd,
        example_request_ids=tuple(str(row["request_id"]) for row in rows[:_EXAMPLES]),
    )
