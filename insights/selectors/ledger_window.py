"""What the ledger's rows of a review's window add up to, each part in one query along the index of team and time.

Only what real models answered counts: answers from the cache cost nothing, stand-ins cost nothing real, and what a
calibration replays is no traffic of the team's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import BigIntegerField, Case, CharField, Count, Max, Min, Q, QuerySet, Sum, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from feedback.models import ResponseFeedback
from insights.domain.observations import FirstChoice, ModelPattern, TokenLimit
from learning.services.replay_prompts import LABEL_PREFIX
from routing.domain import latency_histogram
from routing.models import LedgerEntry
from routing.selectors.traffic import LatencyBucket
from routing.services.decisions import NAMED

_IS_ROUTED = Case(When(strategy=NAMED, then=Value(False)), default=Value(True))
_ID = Cast("request_id", CharField())
_EXAMPLES = {"first_id": Min(_ID), "last_id": Max(_ID)}
_CUT_OFF = "length"
# A row that is closed has given back what it held; its attempts tell what that was.
_RESERVED = Cast(KT("attempts__0__reserved_nano_usd"), BigIntegerField())
_ONE_MODEL = ("provider", "served_model", "pattern")


@dataclass(frozen=True, slots=True)
class Period:
    """The ledger of one team from ``since`` until before ``until``, both UTC."""

    team_id: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """The requests of the window that real models answered, and how many of them as a second choice."""

    traffic: tuple[ModelPattern, ...]
    direct_requests: dict[str, int]


def rows(period: Period) -> QuerySet[LedgerEntry]:
    """Return the requests of the team's own that a real model answered in full."""
    return LedgerEntry.objects.filter(
        team_id=period.team_id,
        created_at__gte=period.since,
        created_at__lt=period.until,
        state=LedgerEntry.State.SETTLED,
        is_cache_hit=False,
        is_simulated=False,
        is_embedded=False,
        served_model__isnull=False,
    ).exclude(session_id__startswith=LABEL_PREFIX)


def answered(period: Period) -> Answered:
    """Add up the window by model, pattern and whether routing chose."""
    groups = (
        rows(period)
        .order_by()
        .values(*_ONE_MODEL, is_routed=_IS_ROUTED)
        .annotate(
            requests=Count("request_id"),
            tokens_in=Sum("input_tokens", default=0),
            tokens_out=Sum("output_tokens", default=0),
            cost=Sum("cost_nano_usd", default=0),
            unsure=Count("request_id", filter=Q(confidence="low")),
            unpriced=Count("request_id", filter=Q(is_unpriced=True)),
            fallbacks=Count("request_id", filter=Q(is_fallback=True)),
            **_EXAMPLES,
        )
    )
    rated = _rated(period)
    direct: dict[str, int] = {}
    traffic = []
    for group in groups:
        part = _part(group)
        direct[part.model] = direct.get(part.model, 0) + group["requests"] - group["fallbacks"]
        traffic.append(replace(part, rated_requests=rated.get((part.model, part.pattern, part.is_routed), 0)))
    return Answered(tuple(traffic), direct)


def first_choices(period: Period, direct_requests: dict[str, int]) -> tuple[FirstChoice, ...]:
    """Tell how often each model that was asked first could not answer, so that another one did.

    Args:
        direct_requests: How many requests each model answered that was asked first.
    """
    groups = (
        rows(period)
        .filter(is_fallback=True)
        .order_by()
        .values("attempts__0__provider", "attempts__0__model")
        .annotate(failovers=Count("request_id"), **_EXAMPLES)
    )
    return tuple(_first_choice(group, direct_requests) for group in groups)


def token_limits(period: Period) -> tuple[TokenLimit, ...]:
    """Tell how much of ``max_tokens`` is used; percentiles are within 1.6 % (``routing.domain.latency_histogram``)."""
    groups = (
        rows(period)
        .filter(max_tokens__isnull=False, output_tokens__isnull=False)
        .order_by()
        .values(*_ONE_MODEL, "max_tokens", bucket=LatencyBucket("output_tokens"))
        .annotate(
            requests=Count("request_id"),
            most=Max("output_tokens"),
            truncated=Count("request_id", filter=Q(finish_reason=_CUT_OFF)),
            reserved=Sum(_RESERVED, default=0),
            cost=Sum("cost_nano_usd", default=0),
        )
    )
    by_limit: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for group in groups:
        by_limit.setdefault((_full_name(group), group["pattern"], group["max_tokens"]), []).append(group)
    return tuple(_token_limit(*key, parts) for key, parts in by_limit.items())


def examples(group: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the first and the last request id of a group, as people look them up."""
    return tuple(sorted({str(UUID(group["first_id"])), str(UUID(group["last_id"]))}))


def _rated(period: Period) -> dict[tuple[str, str, bool], int]:
    """Count the window's requests with a rating; a rating comes after its request."""
    groups = (
        ResponseFeedback.objects.filter(
            team_id=period.team_id,
            linked=True,
            created_at__gte=period.since,
            requested_at__gte=period.since,
            requested_at__lt=period.until,
            is_cache_hit=False,
        )
        .order_by()
        .values(*_ONE_MODEL, is_routed=_IS_ROUTED)
        .annotate(requests=Count("ledger_request_id", distinct=True))
    )
    return {(_full_name(group), group["pattern"], bool(group["is_routed"])): group["requests"] for group in groups}


def _part(group: Mapping[str, Any]) -> ModelPattern:
    # PostgreSQL adds up 64-bit integers to a numeric, which arrives as a Decimal.
    return ModelPattern(
        model=_full_name(group),
        pattern=group["pattern"],
        is_routed=bool(group["is_routed"]),
        requests=group["requests"],
        input_tokens=int(group["tokens_in"]),
        output_tokens=int(group["tokens_out"]),
        cost_nano_usd=int(group["cost"]),
        low_confidence_requests=group["unsure"],
        unpriced_requests=group["unpriced"],
        example_request_ids=examples(group),
    )


def _first_choice(group: Mapping[str, Any], direct_requests: dict[str, int]) -> FirstChoice:
    model = f"{group['attempts__0__provider']}/{group['attempts__0__model']}"
    failovers = group["failovers"]
    return FirstChoice(model, direct_requests.get(model, 0) + failovers, failovers, examples(group))


def _token_limit(model: str, pattern: str, max_tokens: int, parts: Iterable[dict[str, Any]]) -> TokenLimit:
    parts = list(parts)
    most = max(part["most"] for part in parts)
    p99 = latency_histogram.percentiles({part["bucket"]: part["requests"] for part in parts}).p99
    return TokenLimit(
        model=model,
        pattern=pattern,
        max_tokens=max_tokens,
        requests=sum(part["requests"] for part in parts),
        # The middle of the last bucket may lie above all that is in it.
        p99_output_tokens=min(most, round(p99 or 0)),
        most_output_tokens=most,
        truncated_requests=sum(part["truncated"] for part in parts),
        reserved_nano_usd=int(sum(part["reserved"] for part in parts)),
        cost_nano_usd=int(sum(part["cost"] for part in parts)),
    )


def _full_name(group: Mapping[str, Any]) -> str:
    return f"{group['provider']}/{group['served_model']}"
