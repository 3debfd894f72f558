"""The questions that staff ask most, each answered as one table."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Model

from feedback.models import ResponseFeedback
from feedback.selectors import summary
from learning.models import LearningOverride
from routing.domain.pricing import from_nano_usd
from routing.models import LedgerEntry

# Beyond this many rows a table is neither read nor opened in a spreadsheet.
MOST_ROWS = 50_000
_DECISION_FIELDS = (
    "request_id",
    "created_at",
    "team__slug",
    "strategy",
    "pattern",
    "confidence",
    "provider",
    "served_model",
    "state",
    "cost_nano_usd",
    "savings_nano_usd",
    "reasoning",
)


@dataclass(frozen=True, slots=True)
class Row:
    """Values in the order of the report's columns; ``pk`` is of the row of the report's model that the first names."""

    values: Sequence[Any]
    pk: Any = None


@dataclass(frozen=True, slots=True)
class CannedReport:
    """``rows(now, limit)`` reads at most ``limit`` rows; whoever may view rows of ``model`` may read the report."""

    name: str
    title: str
    description: str
    model: type[Model]
    columns: Sequence[str]
    rows: Callable[[datetime, int], Iterable[Row]]


def _feedback_count(now: datetime, limit: int) -> Iterable[Row]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    periods = (("today", 0), ("last 7 days", 6), ("last 30 days", 29))
    windows = [(title, midnight - timedelta(days=days)) for title, days in periods]
    for title, since in [*windows, ("all time", None)][:limit]:
        found = summary.summary(None, since=since, until=None if since is None else now)
        stars = round(found.avg_quality_score, 2) if found.total_feedback else None
        yield Row((title, found.total_feedback, stars, found.unlinked_feedback))


def _last_ratings(now: datetime, limit: int) -> Iterable[Row]:
    for rating in ResponseFeedback.objects.select_related("team")[: min(limit, 10)]:
        yield Row(
            (
                rating.pk,
                rating.created_at,
                rating.team.slug,
                rating.quality_score,
                rating.is_correct,
                rating.pattern,
                _model(rating.provider, rating.served_model),
                rating.user_id,
                rating.comment,
            ),
            rating.pk,
        )


def _quality_by_model(now: datetime, limit: int) -> Iterable[Row]:
    for rated in summary.summary(None).models[:limit]:
        tally = rated.tally
        yield Row(
            (
                _model(rated.provider, rated.selected_model),
                tally.count,
                round(tally.avg_score, 2),
                None if tally.correctness_rate is None else round(tally.correctness_rate, 4),
            )
        )


def _confident_overrides(now: datetime, limit: int) -> Iterable[Row]:
    rows = LearningOverride.objects.filter(status=LearningOverride.Status.ACTIVE, confidence="high")
    for override in rows.select_related("team").order_by("-confidence_score", "pattern")[:limit]:
        yield Row(
            (
                override.pattern,
                "all" if override.team is None else override.team.slug,
                _model(override.provider, override.model),
                round(override.confidence_score, 4),
                override.sample_count,
                round(override.avg_quality, 2),
                override.correctness_rate,
                _dollars(override.avg_cost_nano_usd),
                override.created_at,
            ),
            override.pk,
        )


def _decisions_of_a_day(now: datetime, limit: int) -> Iterable[Row]:
    rows = LedgerEntry.objects.filter(created_at__gte=now - timedelta(hours=24)).order_by("-created_at")
    for entry in rows.values(*_DECISION_FIELDS)[:limit]:
        yield Row(
            (
                str(entry["request_id"]),
                entry["created_at"],
                entry["team__slug"],
                entry["strategy"],
                entry["pattern"],
                entry["confidence"],
                _model(entry["provider"], entry["served_model"]),
                entry["state"],
                _dollars(entry["cost_nano_usd"]),
                _dollars(entry["savings_nano_usd"]),
                entry["reasoning"],
            ),
            entry["request_id"],
        )


def _model(provider: str | None, name: str | None) -> str | None:
    return None if name is None else f"{provider}/{name}"


def _dollars(nano_usd: int | None) -> Any:
    return None if nano_usd is None else from_nano_usd(nano_usd)


REPORTS = {
    report.name: report
    for report in (
        CannedReport(
            "feedback-count",
            "How many ratings there are",
            "Over all teams, by days in UTC. Ratings that name no known request are not learned from.",
            ResponseFeedback,
            ("period", "ratings", "average stars", "without a known request"),
            _feedback_count,
        ),
        CannedReport(
            "last-ratings",
            "The last ten ratings",
            "The newest first, whatever they are of.",
            ResponseFeedback,
            ("rating", "given at", "team", "stars", "correct", "pattern", "model", "user", "comment"),
            _last_ratings,
        ),
        CannedReport(
            "quality-by-model",
            "Quality by model",
            "What people say of the answers of each model, since the beginning; the most rated first. The share of "
            "correct ones is of the ratings that say whether an answer is correct.",
            ResponseFeedback,
            ("model", "ratings", "average stars", "share correct"),
            _quality_by_model,
        ),
        CannedReport(
            "confident-overrides",
            "High-confidence overrides",
            "The patterns that learning sends to a model of their own now, with high confidence.",
            LearningOverride,
            (
                "pattern",
                "team",
                "model",
                "confidence",
                "ratings",
                "average stars",
                "share correct",
                "average cost (USD)",
                "since",
            ),
            _confident_overrides,
        ),
        CannedReport(
            "last-decisions",
            "Decisions of the last 24 hours",
            "Where each request went and why, the newest first.",
            LedgerEntry,
            (
                "request",
                "decided at",
                "team",
                "strategy",
                "pattern",
                "confidence",
                "model",
                "state",
                "cost (USD)",
                "savings (USD)",
                "why",
            ),
            _decisions_of_a_day,
        ),
    )
}
