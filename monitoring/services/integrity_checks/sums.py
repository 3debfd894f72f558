"""Whether what was added up agrees with the ledger: roll-ups of usage, budgets, reservations."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta

from django.db.models import Sum

from accounts.models import Budget, BudgetPeriod
from monitoring.services.integrity_checks.scope import Outcome, Scope, deleted_before
from routing.domain import usage_documents
from routing.domain.time_ranges import HOUR
from routing.domain.traffic import Dimension, Traffic
from routing.models import ChangedHour, LedgerEntry, UsageBucket
from routing.selectors import traffic, usage
from routing.services import rollup_check

HOURS, PERIODS = 2, 3
# A spot check passes over hours and periods of more requests: adding those up takes too long.
MOST_REQUESTS = 5_000
# A request may be settled between two questions; a difference that stays is one.
LOOKS = 3
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def rollups(scope: Scope) -> Outcome:
    """Hold the roll-ups against the ledger."""
    outcome = Outcome("usage_rollups")
    if scope.is_full:
        outcome.looked_at = UsageBucket.objects.count()
        for found in rollup_check.verify(since=_BEGINNING, until=scope.now):
            outcome.fail(f"the {found.span} of {found.starts_at:%Y-%m-%d %H:%M} differs in {found.dimension}")
        return outcome
    for bucket in _some_hours(scope):
        outcome.looked_at += 1
        if _total(bucket) != _counted(bucket.starts_at) and not _is_changed(bucket.starts_at):
            outcome.fail(f"the hour of {bucket.starts_at:%Y-%m-%d %H:%M} differs from the ledger")
    return outcome


def budgets(scope: Scope) -> Outcome:
    """Hold what budgets have spent and reserved against the requests that count against them.

    Without open requests a period must hold no reservation: it would never be given back.
    """
    outcome = Outcome("budgets")
    deleted = deleted_before()
    for period in _some_periods(scope):
        since, until = _window(period)
        if deleted is not None and since < deleted:
            continue
        outcome.looked_at += 1
        if (difference := _lasting_difference(period, since, until)) is not None:
            outcome.fail(f"budget {period.budget_id} of {period.period_start}: {difference}")
    return outcome


def _lasting_difference(period: BudgetPeriod, since: datetime, until: datetime) -> str | None:
    found: set[str | None] = set()
    for _ in range(LOOKS):
        found.add(_difference(period, since, until))
        if None in found:
            return None
    return found.pop()


def _difference(period: BudgetPeriod, since: datetime, until: datetime) -> str | None:
    period.refresh_from_db()
    rows = LedgerEntry.objects.order_by().filter(
        team_id=period.budget.team_id, created_at__gte=since - HOUR, created_at__lt=until + HOUR
    )
    groups = rows.values("budget_period_ids").annotate(spent=Sum("cost_nano_usd"), reserved=Sum("reserved_nano_usd"))
    sums: dict[str, int] = defaultdict(int)
    for group in groups:
        if period.id in group["budget_period_ids"]:
            sums["spent"] += int(group["spent"] or 0)
            sums["reserved"] += int(group["reserved"] or 0)
    if (period.spent_nano_usd, period.reserved_nano_usd) == (sums["spent"], sums["reserved"]):
        return None
    return (
        f"spent {period.spent_nano_usd} and reserved {period.reserved_nano_usd}, "
        f"the ledger has {sums['spent']} and {sums['reserved']}"
    )


def _some_periods(scope: Scope) -> Iterable[BudgetPeriod]:
    periods = BudgetPeriod.objects.select_related("budget").order_by("id")
    if scope.is_full:
        return periods.iterator(chunk_size=500)
    ids = list(periods.order_by("-period_start", "-id").values_list("id", flat=True)[:200])
    drawn = scope.rng.sample(ids, min(PERIODS, len(ids)))
    return [period for period in periods.filter(id__in=drawn) if _is_small(period)]


def _is_small(period: BudgetPeriod) -> bool:
    since, until = _window(period)
    used = usage.totals(usage.window(team_id=period.budget.team_id, since=since, until=until))
    return used.requests <= MOST_REQUESTS


def _window(period: BudgetPeriod) -> tuple[datetime, datetime]:
    since = datetime.combine(period.period_start, time.min, tzinfo=UTC)
    if period.budget.period == Budget.Period.DAY:
        return since, since + timedelta(days=1)
    # A day within the next month, whatever the length of this one.
    return since, (since + timedelta(days=32)).replace(day=1)


def _some_hours(scope: Scope) -> list[UsageBucket]:
    changed = set(ChangedHour.objects.values_list("period", flat=True))
    deleted = deleted_before()
    hours = UsageBucket.objects.filter(team=None, span=UsageBucket.Span.HOUR).order_by("-starts_at")
    kept = hours if deleted is None else hours.filter(starts_at__gte=deleted)
    found = kept.values_list("id", "starts_at")[:2000]
    clean = [number for number, starts_at in found if starts_at not in changed]
    drawn = hours.filter(id__in=scope.rng.sample(clean, min(HOURS, len(clean))))
    return [bucket for bucket in drawn if _total(bucket).requests <= MOST_REQUESTS]


def _total(bucket: UsageBucket) -> Traffic:
    parts = dict(usage_documents.parts_of(bucket.figures, Dimension.TOTAL))
    return Traffic(*parts[()]) if parts else Traffic()


def _counted(hour: datetime) -> Traffic:
    return next(
        (Traffic(*figures) for _, figures in traffic.groups(traffic.rows([(hour, hour + HOUR)]), ())), Traffic()
    )


def _is_changed(hour: datetime) -> bool:
    return ChangedHour.objects.filter(period=hour).exists()
