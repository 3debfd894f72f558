"""Budgets limit what a team, or one key of it, may spend in a day or month (UTC).

A hard budget refuses requests that would pass it; a soft one only reports.
"""

import argparse

from django.core.management.base import CommandError
from django.utils import timezone

from accounts.domain.periods import period_start
from accounts.models import Budget, BudgetPeriod
from accounts.services import budgets
from optimizer_project.cli.arguments import add_json, find_key, find_team, usd
from optimizer_project.cli.console import Console, format_usd
from routing.domain.pricing import to_nano_usd

NAME = "budget"
HELP = "set and list spending limits"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    setting = actions.add_parser("set", help="set a limit, effective within a second")
    setting.add_argument("team", metavar="TEAM", help="slug of the team")
    setting.add_argument("limit", metavar="USD", type=usd, help="limit in US dollars, such as 25 or 0.50")
    setting.add_argument("--period", choices=Budget.Period.values, default=Budget.Period.MONTH, help="default: month")
    setting.add_argument("--key", metavar="PREFIX", help="limit only the key with this visible prefix")
    setting.add_argument("--soft", action="store_true", help="report what passes the limit instead of refusing it")
    listing = actions.add_parser("list", help="list limits with what is spent and reserved in the current period")
    listing.add_argument("--team", help="only the budgets of the team with this slug")
    add_json(listing)


def run(options: argparse.Namespace, console: Console) -> None:
    if options.action == "set":
        _set(options, console)
    else:
        _list(options, console)


def _set(options: argparse.Namespace, console: Console) -> None:
    try:
        budget = budgets.set_budget(
            team=find_team(options.team),
            api_key=find_key(options.key) if options.key else None,
            period=options.period,
            limit_nano_usd=to_nano_usd(options.limit),
            is_hard=not options.soft,
            today=timezone.now().date(),
        )
    except budgets.InvalidBudget as error:
        raise CommandError(str(error)) from error
    kind = "hard" if budget.is_hard else "soft"
    whom = f"key {options.key} of team {options.team}" if options.key else f"team {options.team}"
    console.line(f"The {kind} limit of {whom} is {format_usd(budget.limit_nano_usd)} USD a {budget.period}.")


def _list(options: argparse.Namespace, console: Console) -> None:
    found = Budget.objects.select_related("team", "api_key")
    if options.team:
        found = found.filter(team=find_team(options.team))
    rows = [_row(budget) for budget in found]
    if options.json:
        console.json(rows)
    elif rows:
        console.table([name.replace("_", " ") for name in rows[0]], [tuple(row.values()) for row in rows])
    else:
        console.line("There are no budgets yet. Set one: manage.py optimizer budget set TEAM USD")


def _row(budget: Budget) -> dict[str, object]:
    start = period_start(budget.period, timezone.now().date())
    current = BudgetPeriod.objects.filter(budget=budget, period_start=start).first()
    return {
        "team": budget.team.slug,
        "key": budget.api_key and budget.api_key.prefix,
        "period": budget.period,
        "kind": "hard" if budget.is_hard else "soft",
        "limit_usd": format_usd(budget.limit_nano_usd),
        "spent_usd": format_usd(current.spent_nano_usd if current else 0),
        "reserved_usd": format_usd(current.reserved_nano_usd if current else 0),
        "overrun_usd": format_usd(current.overrun_nano_usd if current else 0),
    }
