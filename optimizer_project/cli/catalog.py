"""The catalog lists providers and their models. What staff have changed in the admin stays as it is."""

import argparse

from django.utils import timezone

from optimizer_project.cli.arguments import add_json
from optimizer_project.cli.console import Console
from routing.services import catalog

NAME = "catalog"
HELP = "bring the shipped providers and models up to date"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add_json(actions.add_parser("sync", help="create and update what ships with this version"))


def run(options: argparse.Namespace, console: Console) -> None:
    report = catalog.sync_catalog(now=timezone.now())
    if options.json:
        console.json(report)
        return
    console.line(f"Written: {report.providers} providers, {report.models} models, {report.prices} prices.")
