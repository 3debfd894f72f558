"""Reviews a team's traffic, or that of all teams, and shows what was found."""

import argparse
from typing import Any

from django.core.management.base import CommandError

from accounts.models import Team
from accounts.services import features
from accounts.services.features import Feature, FeatureDisabled
from insights.models import Finding, Review
from insights.selectors import findings
from insights.serializers.reviews import FindingSerializer, ReviewSerializer
from insights.services import reviews
from insights.services.reviews import ReviewInProgress
from optimizer_project.cli.arguments import add_json, find_team, whole_number
from optimizer_project.cli.console import Console, format_usd
from routing.services import database_clock

NAME = "review"
HELP = "review traffic and show what a team should look at"
_SHOWN = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--team", metavar="TEAM", help="slug of the team (default: every active team)")
    parser.add_argument(
        "--days",
        metavar="N",
        type=whole_number(1, reviews.MOST_DAYS),
        default=reviews.WINDOW_DAYS,
        help="UTC days to look at, today's included (default: %(default)s)",
    )
    add_json(parser)


def run(options: argparse.Namespace, console: Console) -> None:
    teams = [find_team(options.team)] if options.team else list(Team.objects.filter(is_active=True).order_by("slug"))
    if not teams:
        raise CommandError("There are no teams. Make one with: manage.py optimizer team create SLUG")
    done = [_review(team, options.days) for team in teams]
    if options.json:
        console.json([_as_json(review) for review in done])
        return
    for review in done:
        _show(review, console)


def _review(team: Team, days: int) -> Review:
    try:
        features.require(Feature.COST_REVIEW, team)
        return reviews.run(
            team, trigger=Review.Trigger.COMMAND, actor="command line", now=database_clock.now(), window_days=days
        )
    except (FeatureDisabled, ReviewInProgress) as error:
        raise CommandError(f"Team {team.slug}: {error}") from error


def _as_json(review: Review) -> dict[str, Any]:
    found = findings.findings(review.team, status=Finding.Status.OPEN)
    return {"review": ReviewSerializer(review).data, "open_findings": FindingSerializer(found, many=True).data}


def _show(review: Review, console: Console) -> None:
    console.line(
        f"{review.team.slug}: {review.requests:,} requests for {format_usd(review.cost_nano_usd)} USD from "
        f"{review.starts_on} until before {review.ends_before}; {review.new_findings} new findings, "
        f"{review.again_findings} known, {review.resolved_findings} resolved."
    )
    found = findings.findings(review.team, status=Finding.Status.OPEN)[:_SHOWN]
    if found:
        console.table(
            ("id", "severity", "title", "USD/month", "confidence"),
            [
                (
                    each.id,
                    each.severity,
                    each.title,
                    format_usd(each.estimated_monthly_savings_nano_usd),
                    f"{each.confidence:.2f}",
                )
                for each in found
            ],
        )
    console.line()
