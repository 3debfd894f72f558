"""Prices are dated: a change counts from its day on, and what was billed stays as it was."""

import argparse

from django.core.management.base import CommandError
from django.db.models import Q
from django.utils import timezone

from optimizer_project.cli.arguments import add_json
from optimizer_project.cli.console import Console
from routing.models import LanguageModel, ModelPrice
from routing.services import prices

NAME = "prices"
HELP = "refresh prices from the price library, and show those of a model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add_json(actions.add_parser("refresh", help="load prices from the price library that is installed"))
    show = actions.add_parser("show", help="show every dated price of a model, newest first")
    show.add_argument("model", metavar="MODEL", help="name as callers use it, or provider/name")
    add_json(show)


def run(options: argparse.Namespace, console: Console) -> None:
    if options.action == "refresh":
        _refresh(options, console)
    else:
        _show(options, console)


def _refresh(options: argparse.Namespace, console: Console) -> None:
    report = prices.refresh_prices(now=timezone.now())
    if options.json:
        console.json(report)
        return
    console.line(
        f"{report.library_version}: {report.models_added} models added, {report.models_updated} updated; "
        f"{report.prices_opened} prices opened, {report.prices_ended} ended; {report.unpriced} models have no price."
    )


def _show(options: argparse.Namespace, console: Console) -> None:
    provider, _, name = options.model.partition("/")
    models = LanguageModel.objects.filter(
        Q(name=options.model) | Q(canonical_name=options.model) | Q(provider__slug=provider, name=name)
    )
    if not models:
        raise CommandError(f"There is no model {options.model!r}. List them with: manage.py optimizer status")
    found = ModelPrice.objects.filter(language_model__in=models).select_related("language_model__provider")
    rows = [_row(price) for price in found.order_by("language_model", "service_tier", "-active_from")]
    if options.json:
        console.json(rows)
    elif rows:
        console.line("US dollars per million tokens")
        console.table([name.replace("_", " ") for name in rows[0]], [tuple(row.values()) for row in rows])
    else:
        console.line(f"{options.model} has no price: auto never chooses it. Staff can enter one in the admin.")


def _row(price: ModelPrice) -> dict[str, object]:
    return {
        "model": str(price.language_model),
        "service_tier": price.service_tier,
        "input": f"{price.input_usd_per_mtok.normalize():f}",
        "output": f"{price.output_usd_per_mtok.normalize():f}",
        "cached_input": price.cached_input_usd_per_mtok and f"{price.cached_input_usd_per_mtok.normalize():f}",
        "active_from": f"{price.active_from:%Y-%m-%d %H:%M}",
        "active_to": price.active_to and f"{price.active_to:%Y-%m-%d %H:%M}",
        "source": price.source,
    }
