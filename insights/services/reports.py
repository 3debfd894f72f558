"""The weekly report as an e-mail, and its Monday run."""

import logging
from datetime import datetime
from typing import Any

from accounts.models import Team
from accounts.services import features
from accounts.services.features import Feature
from insights.domain import wording
from insights.selectors import weekly_report
from insights.selectors.weekly_report import WeeklyReport
from insights.services import teams

logger = logging.getLogger(__name__)


def weekly_all(*, now: datetime) -> dict[str, Any]:
    """Write every team's report of the last complete week; raises SomeFailed after all teams had their turn.

    Returns:
        The number of teams, and the reports as e-mail texts by slug of the team, of teams that had any traffic.
    """
    texts: dict[str, str] = {}

    def write(team: Team) -> None:
        if features.is_enabled(Feature.INSIGHTS, team):
            report = weekly_report.of_team(team, weekly_report.last_complete_week(now), now=now)
            if report.traffic.requests or report.traffic_before.requests:
                texts[team.slug] = as_text(report)

    return {**teams.each(write, step="reports"), "week": str(weekly_report.last_complete_week(now)), "reports": texts}


def as_text(report: WeeklyReport) -> str:
    """Return the report as the plain text of an e-mail, lines of at most 100 characters where names allow it."""
    return "\n".join([*_head(report), *_findings(report), *_next(report)]) + "\n"


def _head(report: WeeklyReport) -> list[str]:
    traffic, before = report.traffic, report.traffic_before
    lines = [
        f"Week {report.week} of team {report.team}{'' if report.is_complete else ' (so far)'}",
        "",
        f"Requests  {traffic.requests:,} ({_change(traffic.requests, before.requests)})",
        f"Spend     {wording.usd(traffic.cost_nano_usd)} ({_change(traffic.cost_nano_usd, before.cost_nano_usd)})",
        f"Savings   {wording.usd(traffic.savings_nano_usd)} against the baseline models",
        f"Ratings   {report.ratings:,}{'' if report.mean_stars is None else f', {report.mean_stars:.2f} stars'}",
    ]
    if report.models:
        lines += ["", "Where the money went:"]
        lines += [
            f"  {wording.usd(part.traffic.cost_nano_usd):>10}  {part.provider}/{part.model},"
            f" {part.traffic.requests:,} requests"
            for part in report.models
        ]
    return lines


def _findings(report: WeeklyReport) -> list[str]:
    happened, realized = report.happened, report.realized
    return [
        "",
        f"Findings  {happened.raised} raised, {happened.resolved} resolved, {report.open_findings.count} open",
        f"Answers   {happened.accepted} accepted, {happened.rejected} rejected, {happened.ignored} ignored",
        f"Actions   {happened.actions_applied} applied, {happened.actions_reverted} taken back;"
        f" {wording.usd(realized.nano_usd)} saved by those in force",
    ]


def _next(report: WeeklyReport) -> list[str]:
    lines = []
    if report.suggestions:
        lines += ["", "What to do next:"]
        for each in report.suggestions:
            savings = each.finding.estimated_monthly_savings_nano_usd
            worth = "" if savings is None else f" (about {wording.usd(savings)} a month)"
            lines += [f"  {each.ranked.place}. {each.finding.title}{worth}", f"     {each.finding.suggestion}"]
    if report.paths:
        lines += ["", "What to get better at:"]
        lines += [f"  {path.place}. {path.goal}: {path.reason}" for path in report.paths]
    return lines


def _change(now: int, before: int) -> str:
    if before == 0:
        return "none the week before"
    return f"{(now - before) / before:+.1%} on the week before"
