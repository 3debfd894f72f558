"""What can be exported: each set's columns by name, and how its rows are read, a day at a time.

Columns are listed one by one, so that a new column of a table is not exported before somebody says so: hashes, vectors
and whatever is encrypted stay where they are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Min, Model, QuerySet

from accounts.admin.spreadsheet import Amount
from accounts.models import Team
from feedback.models import ResponseFeedback
from feedback.selectors import events
from feedback.selectors.events import Wanted
from feedback.views import event_export
from insights.models import AppliedAction, Finding, Review
from optimizer_project.cli.console import format_usd
from routing.models import LedgerEntry

Rows = Iterator[Sequence[Any]]
_MONEY = "_nano_usd"
_DAY = timedelta(days=1)
_FETCHED = 1000


@dataclass(frozen=True)
class DataSet:
    """``read`` yields the values of each row in the order of ``columns``; team None is all teams."""

    help: str
    columns: tuple[str, ...]
    read: Callable[[Team | None, datetime | None, datetime], Rows]


def _of_table(help_text: str, table: type[Model], time: str, fields: tuple[str, ...]) -> DataSet:
    """Export columns of a table that has a team and a ``time``; amounts become dollars."""

    def read(team: Team | None, since: datetime | None, until: datetime) -> Rows:
        rows = table._default_manager.select_related("team")
        rows = rows if team is None else rows.filter(team=team)
        for day in _days(rows, time, since, until):
            for row in day.order_by(time, "pk").iterator(chunk_size=_FETCHED):
                yield [_value(row, field) for field in fields]

    columns = tuple(f"{field.removesuffix(_MONEY)}_usd" if field.endswith(_MONEY) else field for field in fields)
    return DataSet(help_text, columns, read)


def _days(rows: QuerySet[Any], time: str, since: datetime | None, until: datetime) -> Iterator[QuerySet[Any]]:
    """Yield the rows of one day after the other: no query is open for long, and none sorts more than a day."""
    begin = since or rows.order_by().aggregate(first=Min(time))["first"]
    while begin is not None and begin < until:
        end = min(begin + _DAY, until)
        yield rows.filter(**{f"{time}__gte": begin, f"{time}__lt": end})
        begin = end


def _value(row: Any, field: str) -> Any:
    value = getattr(row, field)
    if field == "team":
        return value.slug
    if field.endswith(_MONEY) and value is not None:
        exact = format_usd(value) or ""
        return Amount(exact, exact)
    return value


def _events(team: Team | None, since: datetime | None, until: datetime) -> Rows:
    return map(event_export.values, events.in_order(Wanted(team, since=since, until=until)))


SETS: Mapping[str, DataSet] = {
    "requests": _of_table(
        "the ledger: every request with its decision, tokens, cost and savings",
        LedgerEntry,
        "created_at",
        (
            *("request_id", "created_at", "settled_at", "state", "team", "endpoint", "is_stream"),
            *("requested_model", "strategy", "policy_version", "pattern", "complexity_score", "complexity_tier"),
            *("confidence", "propensity", "reasoning", "task", "min_quality", "user_id", "session_id", "max_tokens"),
            *("experiment_id", "experiment_arm", "provider", "served_model", "baseline_model"),
            *("attempt_count", "is_fallback", "is_cache_hit", "is_simulated", "is_embedded", "is_estimated"),
            *("is_unpriced", "client_disconnected", "flags", "input_tokens", "output_tokens"),
            *("cached_input_tokens", "cache_write_tokens", "reasoning_tokens", "reserved_nano_usd"),
            *("cost_nano_usd", "baseline_cost_nano_usd", "savings_nano_usd", "latency_ms", "first_token_ms"),
            *("overhead_ms", "http_status", "finish_reason", "error_code", "attempts"),
        ),
    ),
    "feedback": _of_table(
        "ratings, with what they say of which request",
        ResponseFeedback,
        "created_at",
        (
            *("id", "created_at", "team", "source", "request_id", "linked", "quality_score", "is_correct"),
            *("is_helpful", "metrics", "reward", "comment", "user_id", "session_id", "requested_at", "pattern"),
            *("task", "provider", "served_model", "strategy", "policy_version", "complexity_score", "propensity"),
            *("cost_nano_usd", "is_cache_hit", "is_fallback", "experiment_id"),
        ),
    ),
    "events": DataSet("telemetry events that teams have sent", event_export.COLUMNS, _events),
    "reviews": _of_table(
        "cost reviews",
        Review,
        "started_at",
        (
            *("id", "team", "trigger", "actor", "state", "starts_on", "ends_before", "started_at", "finished_at"),
            *("requests", "cost_nano_usd", "new_findings", "again_findings", "resolved_findings"),
            *("expired_findings", "error"),
        ),
    ),
    "findings": _of_table(
        "findings of cost reviews, with what was said to them",
        Finding,
        "created_at",
        (
            *("id", "created_at", "team", "finding_type", "category", "severity", "title", "subject", "evidence"),
            *("suggestion", "action", "confidence", "estimated_monthly_savings_nano_usd", "assumption", "status"),
            *("last_seen_on", "answered_at", "closed_at"),
        ),
    ),
    "actions": _of_table(
        "actions that were taken for findings, with what they have saved",
        AppliedAction,
        "applied_at",
        (
            *("id", "team", "finding_id", "kind", "parameters", "applied_at", "applied_by", "reverted_at"),
            *("reverted_by", "revert_reason", "realized_nano_usd", "is_compared", "assumption", "measured_at"),
        ),
    ),
}
