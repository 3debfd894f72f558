"""What is on the page of one team's cost reviews."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts.admin import links
from accounts.admin.base import dollars
from accounts.models import Team
from insights.domain import wording
from insights.models import AppliedAction, Finding, Review
from insights.selectors import paths, suggestions, team_metrics, trends
from insights.selectors.suggestions import Suggestion
from insights.services import actions
from insights.services.actions import Change, NotApplicable

SHOWN = 10
_APPLIED_SHOWN = 20
_TONES: Mapping[str, str] = {"critical": "bad", "high": "warn", "medium": "", "low": ""}
# Shown as charts, each with what one step of its axis is worth and how a figure is written.
_CHARTS: Mapping[str, tuple[str, float, str]] = {
    trends.Metric.COST: ("Spend a week", 1e-9, "usd"),
    trends.Metric.COST_PER_REQUEST: ("Cost of a request", 1e-9, "usd"),
    trends.Metric.SAVINGS_RATE: ("Saved against the baseline", 1.0, "share"),
    trends.Metric.STARS: ("Mean stars", 1.0, "plain"),
}


@dataclass(frozen=True, slots=True)
class Card:
    """A suggestion as it is shown; ``change`` is what its action would do, ``why_not`` why it cannot be taken."""

    finding: Finding
    place: int
    explanation: tuple[str, ...]
    savings: str
    tone: str
    evidence: tuple[tuple[str, str], ...]
    change: Change | None
    why_not: str


def context(team: Team, *, now: datetime) -> dict[str, Any]:
    """Return the values that the page shows; reads only."""
    ranking = suggestions.ranked(team, now=now, limit=SHOWN)
    open_findings, realized = team_metrics.open_findings(team), team_metrics.realized(team)
    charts = list(_charts(team, now))
    return {
        "team": team,
        "teams": Team.objects.filter(is_active=True).order_by("slug"),
        "cards": [_card(each) for each in ranking.suggestions],
        "ranking": ranking,
        "open_findings": open_findings,
        "possible": wording.usd(open_findings.monthly_savings_nano_usd),
        "realized": realized,
        "saved": wording.usd(realized.nano_usd),
        "applied": [(row, wording.usd(row.realized_nano_usd or 0)) for row in _applied(team)],
        "paths": [(path, wording.usd(path.monthly_savings_nano_usd)) for path in paths.build(team, now=now)],
        "last_review": Review.objects.filter(team=team, state=Review.State.SUCCEEDED).order_by("-id").first(),
        "charts": charts,
        "chart_data": {"charts": charts},
    }


def _card(suggestion: Suggestion) -> Card:
    finding, change, why_not = suggestion.finding, None, ""
    if finding.action is not None:
        try:
            change = actions.preview(finding)
        except NotApplicable as error:
            why_not = str(error)
    savings = finding.estimated_monthly_savings_nano_usd
    return Card(
        finding=finding,
        place=suggestion.ranked.place,
        explanation=suggestion.ranked.explanation,
        savings="" if savings is None else wording.usd(savings),
        tone=_TONES[finding.severity],
        evidence=tuple(_evidence(finding.evidence)),
        change=change,
        why_not=why_not,
    )


def _evidence(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each figure of the evidence with its name, as text; requests are links to their rows in the ledger."""
    for name, value in document.items():
        if name == "example_request_ids":
            yield _label(name), format_html_join(", ", "{}", ((_request(each),) for each in value))
        elif name.endswith("_nano_usd"):
            yield _label(name.removesuffix("_nano_usd")), dollars(value)
        elif isinstance(value, Mapping):
            yield _label(name), _pairs(value)
        elif isinstance(value, list):
            yield _label(name), "; ".join(_item(part) for part in value) or "none"
        else:
            yield _label(name), _text(value)


def _item(value: Any) -> str:
    return _pairs(value) if isinstance(value, Mapping) else _text(value)


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{_label(name)} {_text(value)}" for name, value in values.items())


def _text(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _request(request_id: str) -> SafeString:
    return links.to_page("routing.ledgerentry", request_id, request_id)


def _label(name: str) -> str:
    return name.replace("_", " ")


def _applied(team: Team) -> list[AppliedAction]:
    return list(AppliedAction.objects.filter(team=team).select_related("finding").order_by("-id")[:_APPLIED_SHOWN])


def _charts(team: Team, now: datetime) -> Iterator[dict[str, Any]]:
    found = trends.of_team(team, now=now).by_metric
    for metric, (title, factor, unit) in _CHARTS.items():
        trend = found.get(trends.Metric(metric))
        if trend is not None and any(point.value is not None for point in trend.points):
            points = [
                {"week": str(point.week), "value": None if point.value is None else point.value * factor}
                for point in trend.points
            ]
            yield {
                "id": f"trend-{metric}",
                "title": title,
                "unit": unit,
                "direction": trend.direction,
                "points": points,
            }
