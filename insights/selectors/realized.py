"""What an applied action has saved: the requests it changes and all others, before it and since.

Only requests that real models answered and whose cost is known count. What an action changes is told by its kind:

- a routed pattern, and a model left out: the routed requests of the patterns concerned;
- a cap: the routed requests of its pattern, and model where it names one;
- the cache: its hits, each worth what its model charges for its tokens;
- experiments and budgets: nothing, for they save nothing by themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, Sum

from insights.domain.finding import ActionKind
from insights.domain.realized_saving import RealizedSaving, Spend, measure
from insights.models import AppliedAction
from insights.selectors import ledger_window
from insights.selectors.ledger_window import Period
from routing.domain.pricing import cost_usd, to_nano_usd
from routing.domain.usage import Usage
from routing.models import LanguageModel, LedgerEntry
from routing.selectors import prices
from routing.services.decisions import NAMED

# The traffic before, that is compared with; as long as the history of a spend spike.
BEFORE = timedelta(days=28)
# After that long, too much else has changed to be put down to the action; what was measured then stays.
MEASURED_FOR = timedelta(days=90)
_ROUTED = ~Q(strategy=NAMED)
_CACHE = "Each answer from the cache would have cost what its model charges today for as many tokens, undiscounted."
_NOTHING = {
    ActionKind.START_EXPERIMENT: "An experiment saves nothing by itself; what it finds out is told by its results.",
    ActionKind.COMPLETE_EXPERIMENT: "Ending an experiment saves nothing by itself; a winner that routes is a policy's.",
    ActionKind.SET_BUDGET: "A budget keeps spend within its limit; what it refuses was not answered for less.",
}


@dataclass(frozen=True, slots=True)
class _Sums:
    touched: Spend
    untouched: Spend


def baseline(team_id: int, kind: ActionKind, parameters: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Return the 28 days before an action as ``measured`` needs them, as JSON; call it before the action is taken."""
    period = Period(team_id, now - BEFORE, now)
    scope = _scope(kind, parameters, period)
    if scope is None:
        return {}
    sums = _sums(period, _condition(scope))
    return {
        "since": period.since.isoformat(),
        "until": period.until.isoformat(),
        "scope": scope,
        "touched": _document(sums.touched),
        "untouched": _document(sums.untouched),
    }


def measured(applied: AppliedAction, *, now: datetime) -> RealizedSaving:
    """Return what an action has saved since, until it was taken back or 90 days have passed."""
    kind = ActionKind(applied.kind)
    if (why := _NOTHING.get(kind)) is not None:
        return RealizedSaving(None, False, why)
    if not applied.undo:
        return RealizedSaving(None, False, "It was so already when the suggestion was accepted; nothing has changed.")
    until = min(now, applied.reverted_at or now, applied.applied_at + MEASURED_FOR)
    since = Period(applied.team_id, applied.applied_at, until)
    if kind is ActionKind.ENABLE_RESPONSE_CACHE:
        return _of_cache(since, now)
    before = applied.baseline
    after = _sums(since, _condition(before["scope"]))
    return measure(
        before=_spend(before["touched"]),
        after=after.touched,
        untouched_before=_spend(before["untouched"]),
        untouched_after=after.untouched,
    )


def _scope(kind: ActionKind, parameters: Mapping[str, Any], period: Period) -> dict[str, Any] | None:
    """Return which requests an action changes: by pattern, and by model where none is chosen by it."""
    pattern, model = parameters.get("pattern", ""), parameters.get("model", "")
    if kind is ActionKind.ROUTE_PATTERN:
        return {"patterns": [pattern]}
    if kind is ActionKind.CAP_MAX_TOKENS:
        return {"patterns": [pattern] if pattern else [], "model": model}
    if kind is ActionKind.EXCLUDE_MODEL:
        return {"patterns": [pattern] if pattern else _patterns_of(model, period)}
    return None


def _patterns_of(model: str, period: Period) -> list[str]:
    """Return the patterns that a model was chosen for."""
    provider, _, name = model.partition("/")
    served = ledger_window.rows(period).filter(_ROUTED, provider=provider, served_model=name)
    return sorted(served.order_by().values_list("pattern", flat=True).distinct())


def _condition(scope: Mapping[str, Any]) -> Q:
    found = _ROUTED
    if scope["patterns"] or "model" not in scope:
        found &= Q(pattern__in=scope["patterns"])
    if scope.get("model"):
        provider, _, name = scope["model"].partition("/")
        found &= Q(provider=provider, served_model=name)
    return found


def _sums(period: Period, touched: Q) -> _Sums:
    found = (
        ledger_window.rows(period)
        .filter(cost_nano_usd__isnull=False)
        .aggregate(
            all_requests=Count("request_id"),
            all_cost=Sum("cost_nano_usd", default=0),
            requests=Count("request_id", filter=touched),
            cost=Sum("cost_nano_usd", filter=touched, default=0),
        )
    )
    requests, cost = found["requests"], int(found["cost"])
    return _Sums(Spend(requests, cost), Spend(found["all_requests"] - requests, int(found["all_cost"]) - cost))


def _of_cache(period: Period, now: datetime) -> RealizedSaving:
    groups = (
        LedgerEntry.objects.filter(
            team_id=period.team_id,
            created_at__gte=period.since,
            created_at__lt=period.until,
            is_cache_hit=True,
            is_simulated=False,
            is_embedded=False,
        )
        .order_by()
        .values("provider", "served_model")
        .annotate(tokens_in=Sum("input_tokens", default=0), tokens_out=Sum("output_tokens", default=0))
    )
    rows = LanguageModel.objects.select_related("provider")
    models: dict[tuple[str | None, str | None], int] = {(row.provider.slug, row.name): row.id for row in rows}
    price_of = prices.current_prices(now)
    saved = 0
    for group in groups:
        price = price_of.get(models.get((group["provider"], group["served_model"]), 0))
        if price is not None:
            usage = Usage(int(group["tokens_in"]), int(group["tokens_out"]))
            saved += to_nano_usd(cost_usd(usage, prices.schedule(price)))
    return RealizedSaving(saved, False, _CACHE)


def _document(spend: Spend) -> dict[str, int]:
    return {"requests": spend.requests, "cost_nano_usd": spend.cost_nano_usd}


def _spend(document: Mapping[str, int]) -> Spend:
    return Spend(document["requests"], document["cost_nano_usd"])
