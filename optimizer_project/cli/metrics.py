"""Reports read hourly roll-ups of the ledger; an hour that has changed since is read from the ledger itself.

`verify` compares the roll-ups with the ledger and fails where they differ, and `rebuild` makes them anew. Reports stay
exact while it does.
"""

import argparse
from datetime import UTC, datetime, timedelta

from django.core.management.base import CommandError

from optimizer_project.cli.arguments import add_json, find_team, whole_number
from optimizer_project.cli.console import Console, format_usd
from routing.domain.traffic import Labels, Traffic
from routing.selectors import reports
from routing.serializers.statistics import RoutingMetricsSerializer
from routing.services import database_clock, rollup_check, rollups
from routing.services.rollup_check import Difference

NAME = "metrics"
HELP = "show how traffic was routed; verify and rebuild the roll-ups that reports read"
SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", help="show how traffic was routed lately, and what that saved")
    show.add_argument("--team", metavar="TEAM", help="slug of a team; default: all teams")
    _add_days(show, default=7)
    add_json(show)
    _add_days(actions.add_parser("verify", help="compare the roll-ups with the ledger"), default=None)
    _add_days(actions.add_parser("rebuild", help="make the roll-ups anew from the ledger"), default=None)


def run(options: argparse.Namespace, console: Console) -> None:
    now = database_clock.now()
    if options.action == "show":
        _show(options, console, now)
        return
    since = datetime(1970, 1, 1, tzinfo=UTC) if options.days is None else now - timedelta(days=options.days)
    if options.action == "verify":
        _verify(since, now, console)
    else:
        console.line(f"Hours rolled up anew: {rollups.rebuild(since=since, until=now)}.")


def _show(options: argparse.Namespace, console: Console, now: datetime) -> None:
    team_id = None if options.team is None else find_team(options.team).id
    metrics = reports.routing_metrics(team_id=team_id, days=options.days, now=now)
    if options.json:
        console.json(RoutingMetricsSerializer(metrics).data)
        return
    totals = metrics.totals
    cost, savings = format_usd(totals.cost_nano_usd), format_usd(totals.savings_nano_usd)
    console.line(f"{totals.requests} requests in {options.days} days cost {cost} USD and saved {savings} USD.")
    for title, parts in (("strategy", metrics.strategies), ("provider", metrics.providers)):
        if parts:
            console.line()
            console.table((title, "requests", "failed", "cost, USD", "saved, USD", "avg ms"), map(_part, parts.items()))


def _part(named: tuple[str, Traffic]) -> tuple[object, ...]:
    name, part = named
    cost, savings = format_usd(part.cost_nano_usd), format_usd(part.savings_nano_usd)
    return (name, part.requests, part.failed, cost, savings, part.avg_latency_ms)


def _verify(since: datetime, until: datetime, console: Console) -> None:
    found = list(rollup_check.verify(since=since, until=until))
    if not found:
        console.line("The roll-ups agree with the ledger.")
        return
    console.table(
        ("span", "starts", "team", "what", "labels", "requests", "should be"), [_row(one) for one in found[:SHOWN]]
    )
    raise CommandError(
        f"{len(found)} roll-ups differ from the ledger. Make them anew with: manage.py optimizer metrics rebuild"
    )


def _row(found: Difference) -> tuple[object, ...]:
    return (
        found.span,
        f"{found.starts_at:%Y-%m-%d %H:%M}",
        found.team_id,
        found.dimension,
        _text(found.labels),
        found.stored_requests,
        found.expected_requests,
    )


def _text(labels: Labels) -> str:
    return "/".join("-" if label is None else str(label) for label in labels)


def _add_days(parser: argparse.ArgumentParser, *, default: int | None) -> None:
    what = f"default: {default}" if default else "default: everything"
    parser.add_argument("--days", metavar="N", type=whole_number(1, 3660), default=default, help=f"last N days; {what}")
