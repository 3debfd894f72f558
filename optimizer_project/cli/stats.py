"""Shows the figures of GET /stats: everything there ever was, and today (UTC), by provider and model."""

import argparse
from collections.abc import Iterable

from optimizer_project.cli.arguments import add_json, find_team
from optimizer_project.cli.console import Console, format_usd
from routing.domain.traffic import Traffic
from routing.selectors import reports
from routing.selectors.reports import Part, Stats
from routing.serializers.statistics import StatsSerializer
from routing.services import database_clock

NAME = "stats"
HELP = "show totals, today's cost, by provider and model, and what was saved"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--team", metavar="TEAM", help="slug of a team; default: all teams")
    add_json(parser)


def run(options: argparse.Namespace, console: Console) -> None:
    team_id = None if options.team is None else find_team(options.team).id
    found = reports.stats(team_id=team_id, now=database_clock.now())
    if options.json:
        console.json(StatsSerializer(found).data)
    elif found.totals.requests:
        _show(found, console)
    else:
        console.line("There are no requests yet. Send some: manage.py optimizer demo")


def _show(found: Stats, console: Console) -> None:
    header = ("requests", "failed", "from cache", "cost, USD", "saved, USD")
    console.table(
        ("period", *header), [("all time", *_figures(found.totals)), (found.today_date, *_figures(found.today))]
    )
    for title, parts in (("provider", found.by_provider), ("model", found.by_model)):
        console.line()
        console.table((title, *header), _rows(parts))
    console.line()
    for part in found.baseline_models:
        console.line(f"Saved against {part.model}: {_usd(part.traffic.savings_nano_usd)} USD")
    _tell_apart(found.totals, console)


def _tell_apart(totals: Traffic, console: Console) -> None:
    """Say what is in none of the sums of money."""
    if totals.simulated_requests:
        console.line(
            f"{totals.simulated_requests} requests went to models that run beside the product: their notional cost of "
            f"{_usd(totals.simulated_cost_nano_usd)} USD is in no sum."
        )
    if totals.unpriced_requests:
        console.line(f"{totals.unpriced_requests} requests have no known cost: their models have no price.")


def _rows(parts: Iterable[Part]) -> list[tuple[object, ...]]:
    return [
        ("/".join(name for name in (part.provider, part.model) if name) or None, *_figures(part.traffic))
        for part in parts
    ]


def _figures(traffic: Traffic) -> tuple[object, ...]:
    money = (_usd(traffic.cost_nano_usd), _usd(traffic.savings_nano_usd))
    return (traffic.requests, traffic.failed, traffic.cache_hits, *money)


def _usd(nano_usd: int) -> str:
    return format_usd(nano_usd) or ""
