"""Judges the ratings and says which model each pattern would be sent to; with --apply it is.

Without --apply nothing is written. What a run leaves out, and why, is listed below its changes.
"""

import argparse

from django.core.management.base import CommandError

from learning.domain.changes import Change
from learning.models import RetrainingRun
from learning.serializers.retraining import RetrainingReportSerializer
from learning.services import retraining
from learning.services.retraining import RetrainingReport
from learning.services.run_lock import RetrainingInProgress
from optimizer_project.cli.arguments import add_json, find_scope, share, whole_number
from optimizer_project.cli.console import Console, format_usd
from routing.domain.policy import InvalidPolicy
from routing.services import database_clock

NAME = "retrain"
HELP = "learn from the ratings: show what would change, or apply it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--apply", action="store_true", help="route by the outcome, within a second")
    parser.add_argument("--team", metavar="TEAM", help="slug of a team that learns alone; default: the shared policy")
    parser.add_argument(
        "--min-samples",
        metavar="N",
        type=whole_number(1, 1_000_000),
        help="ratings that a newly chosen model needs (it needs 5 anyway)",
    )
    parser.add_argument(
        "--confidence-threshold",
        metavar="SCORE",
        type=share,
        help="confidence score, 0 to 1, that a newly chosen model needs",
    )
    add_json(parser)


def run(options: argparse.Namespace, console: Console) -> None:
    try:
        report = retraining.retrain(
            team=find_scope(options.team),
            trigger=RetrainingRun.Trigger.COMMAND,
            actor="command line",
            dry_run=not options.apply,
            min_samples=options.min_samples,
            confidence_threshold=options.confidence_threshold,
            now=database_clock.now(),
        )
    except (RetrainingInProgress, InvalidPolicy) as error:
        raise CommandError(str(error)) from error
    if options.json:
        console.json(RetrainingReportSerializer(report).data)
    else:
        _show(report, console)


def _show(report: RetrainingReport, console: Console) -> None:
    if report.changes:
        headers = ("pattern", "change", "from", "to", "confidence", "ratings", "stars", "USD/request", "reason")
        console.table(headers, [_change(change) for change in report.changes])
    else:
        judged = "1 model" if report.candidates == 1 else f"{report.candidates} models"
        console.line(f"Nothing changes; {judged} with ratings judged.")
    if report.skipped:
        console.line()
        console.table(
            ("pattern", "not chosen", "confidence", "ratings", "stars", "why"),
            [
                (
                    entry.pattern,
                    f"{entry.provider}/{entry.model}",
                    entry.confidence,
                    entry.sample_count,
                    f"{entry.avg_quality:.2f}",
                    entry.why,
                )
                for entry in report.skipped
            ],
        )
    console.line()
    console.line(_conclusion(report))


def _change(change: Change) -> tuple[object, ...]:
    effect = change.expected_effect
    return (
        change.pattern,
        change.action,
        change.previous,
        f"{change.provider}/{change.model}" if change.model else "complexity",
        change.confidence,
        change.sample_count,
        None if change.avg_quality is None else f"{change.avg_quality:.2f}",
        f"{format_usd(effect.avg_cost_nano_usd_before) or '?'} → {format_usd(effect.avg_cost_nano_usd_after) or '?'}",
        change.reason,
    )


def _conclusion(report: RetrainingReport) -> str:
    if report.dry_run:
        return "This was a dry run: nothing was written. Add --apply to route by it."
    routes = "by complexity" if report.policy_version is None else f"by policy {report.policy_version}"
    if report.policy_version == report.policy_version_before:
        return f"Run {report.run_id} is recorded; routing stays {routes}."
    before = report.policy_version_before
    undo = "" if before is None else f" Undo with: manage.py optimizer rollback {before}"
    return f"Run {report.run_id} is in force: routing is {routes} within a second.{undo}"
