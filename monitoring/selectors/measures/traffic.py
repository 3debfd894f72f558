"""What went wrong with requests, from the ledger, and what budgets have left."""

from datetime import datetime

from django.db.models import Count, Q, QuerySet, TextField
from django.db.models.functions import Cast

from accounts import selectors as accounts
from monitoring.domain.alerting import Reading
from routing.domain import upgrades
from routing.domain.pricing import from_nano_usd
from routing.models import LedgerEntry
from routing.providers.usage_reading import CLAMPED

# From here on a status says that the fault is ours, or that of everybody we asked.
SERVER_ERROR = 500


def unpriced(since: datetime, now: datetime) -> list[Reading]:
    """Count the requests of unknown cost."""
    rows = LedgerEntry.objects.filter(created_at__gte=since, created_at__lt=now)
    return _by_model(rows.filter(is_unpriced=True), rows.count(), "Requests to models without a price")


def clamped(since: datetime, now: datetime) -> list[Reading]:
    """Count the requests whose provider said that it used tokens in a number that cannot be."""
    rows = LedgerEntry.objects.filter(created_at__gte=since, created_at__lt=now)
    # SQLite cannot ask what a list holds; the text of the list says it on both.
    flagged = rows.annotate(words=Cast("flags", TextField())).filter(words__contains=f'"{CLAMPED}"')
    return _by_model(flagged, rows.count(), "Answers with counts of tokens that cannot be")


def capped_upgrades(since: datetime, now: datetime) -> list[Reading]:
    """Count, of each team that has any, the requests that its limit on upgrades kept from a dearer model."""
    rows = LedgerEntry.objects.filter(created_at__gte=since, created_at__lt=now, strategy=upgrades.STRATEGY)
    by_team = rows.order_by().values("team_id", "team__slug").annotate(n=Count("request_id"))
    return [
        Reading(
            float(row["n"]),
            subject=f"team {row['team_id']}",
            text=f"{row['n']} requests of {row['team__slug']} were kept from a dearer model.",
            details={"team": row["team__slug"]},
        )
        for row in by_team
    ]


def _by_model(found: QuerySet[LedgerEntry], of: int, what: str) -> list[Reading]:
    by_model = found.order_by().values("provider", "served_model").annotate(n=Count("request_id"))
    counted = {f"{row['provider']}/{row['served_model']}": row["n"] for row in by_model}
    requests = sum(counted.values())
    text = f"{what}: {requests}, of {', '.join(sorted(counted))}." if counted else ""
    return [Reading(float(requests), of, text=text, details={"models": counted})]


def completion_errors(since: datetime, now: datetime, *, answered: int = 0) -> Reading:
    """Return the share of the completions that have ended with a status of 500 or more.

    Args:
        answered: How many were answered so. More than the ledger knows were refused before they were in it.
    """
    ended = LedgerEntry.objects.filter(created_at__gte=since, created_at__lt=now, http_status__isnull=False)
    counted = ended.aggregate(
        requests=Count("request_id"), failed=Count("request_id", filter=Q(http_status__gte=SERVER_ERROR))
    )
    unwritten = max(0, answered - counted["failed"])
    requests, failed = counted["requests"] + unwritten, counted["failed"] + unwritten
    if not requests:
        return Reading(None, 0, "completions")
    text = f"{failed} of {requests} completions failed."
    if unwritten:
        text += f" {unwritten} of them were refused before they were in the ledger."
    return Reading(failed / requests, requests, "completions", text)


def budgets(_since: datetime, now: datetime) -> list[Reading]:
    """Return the used share of each budget in its present period."""
    found = []
    for budget in accounts.budget_statuses(None, now.date()):
        if not budget.limit_nano_usd:
            continue
        # What went past the limit is spent as well, and in the sum.
        used = budget.spent_nano_usd
        whose = f"key {budget.api_key_prefix}… of {budget.team_slug}" if budget.api_key_prefix else budget.team_slug
        text = (
            f"{from_nano_usd(used):,.2f} of {from_nano_usd(budget.limit_nano_usd):,.2f} USD of the "
            f"{'hard' if budget.is_hard else 'soft'} budget of {whose} for this {budget.period} are spent."
        )
        subject = f"budget {budget.budget_id} {budget.period_start}"
        found.append(Reading(used / budget.limit_nano_usd, subject=subject, text=text))
    return found
