"""What people are told of a day and of a week: spend, savings, quality, and what went wrong."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from feedback.selectors import summary
from monitoring.domain.alerting import Severity
from monitoring.models import Alert
from monitoring.services import alerts
from routing.domain.traffic import Dimension, Labels, Traffic
from routing.selectors import usage

NAMED = 3
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)


def daily(*, now: datetime) -> dict[str, Any]:
    """Tell of the last whole UTC day, against the day before; once, however often it is called.

    Returns:
        The figures told, and whether they were told by this call.
    """
    end = datetime.combine(now.date(), time.min, tzinfo=UTC)
    return _tell("daily-summary", f"Summary of {end - _DAY:%Y-%m-%d}", end - _DAY, end, now)


def weekly(*, now: datetime) -> dict[str, Any]:
    """Tell of the last whole ISO week, in UTC, against the week before; once, however often it is called."""
    monday = now.date() - timedelta(days=now.weekday())
    end = datetime.combine(monday, time.min, tzinfo=UTC)
    year, week, _ = (end - _DAY).isocalendar()
    return _tell("weekly-report", f"Report of week {week} of {year}", end - _WEEK, end, now)


def _tell(kind: str, title: str, since: datetime, until: datetime, now: datetime) -> dict[str, Any]:
    period = usage.window(team_id=None, since=since, until=until)
    parts = usage.breakdowns(period, Dimension.TOTAL, Dimension.MODEL)
    totals = parts[Dimension.TOTAL].get((), Traffic())
    before = usage.totals(usage.window(team_id=None, since=since - (until - since), until=since))
    fired = Alert.objects.filter(rule__isnull=False, fired_at__gte=since, fired_at__lt=until)
    details = _figures(totals, fired.exclude(state=Alert.State.NOTICE).count())
    text = [_money(totals, before), _models(parts[Dimension.MODEL].items()), _ratings(since, until), _alerts(details)]
    told = alerts.raise_event(
        kind,
        " ".join(filter(None, text)),
        severity=Severity.INFO,
        details=details,
        title=title,
        key=_key(kind, since.date()),
        now=now,
    )
    return {**details, "is_told": told is not None}


def _key(kind: str, start: date) -> str:
    return f"{kind}:{start}"


def _figures(totals: Traffic, fired: int) -> dict[str, Any]:
    return {
        "requests": totals.requests,
        "failed": totals.failed,
        "cost_nano_usd": totals.cost_nano_usd,
        "savings_nano_usd": totals.savings_nano_usd,
        "unpriced_requests": totals.unpriced_requests,
        "alerts_fired": fired,
    }


def _money(totals: Traffic, before: Traffic) -> str:
    if not totals.requests:
        return "No request was made."
    saved = f"{totals.savings_usd:,.2f} USD were saved"
    if totals.savings_rate is not None:
        saved += f", {_percent(totals.savings_rate)} of the baseline"
    text = f"{_counted(totals.requests, 'request')} cost {totals.cost_usd:,.2f} USD; {saved}."
    if totals.failed:
        text += f" {totals.failed:,} failed."
    if totals.unpriced_requests:
        text += f" {totals.unpriced_requests:,} went to models without a price, at unknown cost."
    return f"{text} Before: {_counted(before.requests, 'request')}, {before.cost_usd:,.2f} USD."


def _models(parts: Iterable[tuple[Labels, Traffic]]) -> str:
    named = [(f"{labels[0]}/{labels[1]}", traffic) for labels, traffic in parts if labels[1] is not None]
    if not named:
        return ""
    shown = ", ".join(f"{name} ({traffic.requests:,})" for name, traffic in named[:NAMED])
    return f"Most asked: {shown}."


def _ratings(since: datetime, until: datetime) -> str:
    rated = summary.summary(None, since=since, until=until)
    if not rated.total_feedback:
        return ""
    return f"{_counted(rated.total_feedback, 'rating')}, {rated.avg_quality_score:.2f} stars on average."


def _alerts(details: dict[str, Any]) -> str:
    count = details["alerts_fired"]
    return f"{_counted(count, 'alert')} fired." if count else "No alert fired."


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _percent(share: Decimal) -> str:
    return f"{share * 100:.1f} %"
