"""A team's insights: what to do next, how its figures go, what the product has brought it."""

import argparse
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError

from accounts.models import Team
from accounts.services import features
from accounts.services.features import Feature, FeatureDisabled
from insights.domain import wording
from insights.domain.roi import Assumptions
from insights.selectors import paths, return_on_investment, suggestions, team_metrics, trends, weekly_report
from insights.serializers import insights as shapes
from insights.serializers.suggestions import RankingSerializer
from insights.services import reports
from optimizer_project.cli.arguments import add_json, find_team, whole_number
from optimizer_project.cli.console import Console, format_usd
from routing.services import database_clock

NAME = "insights"
HELP = "show a team's suggestions, figures, trends, learning paths, return or weekly report"
_DAYS = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="WHAT", choices=tuple(_SHOWN), help=f"one of: {', '.join(_SHOWN)}")
    parser.add_argument("--team", metavar="TEAM", required=True, help="slug of the team")
    parser.add_argument(
        "--days", metavar="N", type=whole_number(1, 366), default=_DAYS, help="period of metrics and roi (default: 30)"
    )
    add_json(parser)


def run(options: argparse.Namespace, console: Console) -> None:
    team = find_team(options.team)
    feature, find, show, as_json = _SHOWN[options.what]
    try:
        features.require(feature, team)
    except FeatureDisabled as error:
        raise CommandError(str(error)) from error
    found = find(team, options.days, database_clock.now())
    if options.json:
        console.json(as_json(found).data)
    else:
        show(found, console)


def _suggestions(found: suggestions.Ranking, console: Console) -> None:
    if not found.suggestions:
        console.line("There is nothing to suggest. Review the traffic first: manage.py optimizer review")
        return
    for each in found.suggestions:
        savings = each.finding.estimated_monthly_savings_nano_usd
        console.line(f"{each.ranked.place}. {each.finding.title} (finding {each.finding.id})")
        console.line(
            f"   {each.finding.suggestion}{'' if savings is None else f' About {wording.usd(savings)} a month.'}"
        )
        console.line(f"   score {each.ranked.score:.3f}: {'; '.join(each.ranked.explanation)}")


def _metrics(found: team_metrics.TeamMetrics, console: Console) -> None:
    rows = [
        ("requests", found.traffic.requests),
        ("spend", format_usd(found.traffic.cost_nano_usd)),
        ("savings", format_usd(found.traffic.savings_nano_usd)),
        ("ratings", found.ratings),
        ("mean stars", None if found.mean_stars is None else f"{found.mean_stars:.2f}"),
        ("open findings", found.open_findings.count),
        ("open savings a month, at most", format_usd(found.open_findings.monthly_savings_nano_usd)),
        ("accepted", found.answers.accepted),
        ("rejected", found.answers.rejected),
        ("realized by actions in force", format_usd(found.realized.nano_usd)),
    ]
    console.table(("figure", "value"), rows)


def _trends(found: trends.Trends, console: Console) -> None:
    console.table(
        ("figure", "direction", "change", "p", "weeks"),
        [
            (
                metric,
                trend.direction,
                None if trend.change is None else f"{trend.change:+.1%}",
                None if trend.p_value is None else f"{trend.p_value:.3f}",
                " ".join("-" if point.value is None else f"{point.value:.4g}" for point in trend.points),
            )
            for metric, trend in found.by_metric.items()
        ],
    )


def _paths(found: paths.Paths, console: Console) -> None:
    if not found.paths:
        console.line("There is nothing to get better at: no finding is open.")
        return
    console.table(
        ("place", "goal", "a month", "reason"),
        [(path.place, path.goal, wording.usd(path.monthly_savings_nano_usd), path.reason) for path in found.paths],
    )


def _roi(found: Any, console: Console) -> None:
    figures = ("benefit", "routing_savings", "other_savings", "cost", "product", "time", "learning", "net")
    console.table(("USD", "amount"), [(name, format_usd(getattr(found, f"{name}_nano_usd"))) for name in figures])
    console.line()
    for stated in found.assumptions:
        console.line(f"{stated.name} = {stated.value}: {stated.text}")


def _report(found: weekly_report.WeeklyReport, console: Console) -> None:
    console.line(reports.as_text(found).rstrip())


def _find_suggestions(team: Team, _days: int, now: datetime) -> suggestions.Ranking:
    return suggestions.ranked(team, now=now, limit=20)


def _find_roi(team: Team, days: int, now: datetime) -> Any:
    return return_on_investment.of_team(team, days=days, assumptions=Assumptions(), now=now)


def _find_report(team: Team, _days: int, now: datetime) -> weekly_report.WeeklyReport:
    return weekly_report.of_team(team, weekly_report.last_complete_week(now), now=now)


Shown = tuple[Feature, Callable[[Team, int, datetime], Any], Callable[[Any, Console], None], Callable[[Any], Any]]
_SHOWN: Mapping[str, Shown] = {
    "suggestions": (Feature.RANKING, _find_suggestions, _suggestions, RankingSerializer),
    "metrics": (
        Feature.INSIGHTS,
        lambda team, days, now: team_metrics.of_team(team, days=days, now=now),
        _metrics,
        shapes.TeamMetricsSerializer,
    ),
    "trends": (
        Feature.TRENDS,
        lambda team, _days, now: trends.of_team(team, now=now),
        _trends,
        shapes.TeamTrendsSerializer,
    ),
    "paths": (
        Feature.LEARNING_PATHS,
        lambda team, _days, now: paths.of_team(team, now=now),
        _paths,
        shapes.PathsSerializer,
    ),
    "roi": (Feature.ROI, _find_roi, _roi, shapes.RoiSerializer),
    "report": (Feature.INSIGHTS, _find_report, _report, shapes.ReportSerializer),
}
