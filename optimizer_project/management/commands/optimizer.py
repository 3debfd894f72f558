"""`manage.py optimizer`: everything an operator does, as subcommands (see optimizer_project/cli)."""

import argparse
import logging
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError

from optimizer_project.cli import registry
from optimizer_project.cli.console import Console


class Command(BaseCommand):
    help = "Run, set up, look into and steer the AI Cost Optimizer."

    def add_arguments(self, parser: CommandParser) -> None:
        subparsers = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
        for subcommand in registry.SUBCOMMANDS:
            subparser = subparsers.add_parser(
                subcommand.NAME, help=subcommand.HELP, description=subcommand.__doc__ or subcommand.HELP
            )
            subparser.set_defaults(run_subcommand=subcommand.run)
            subcommand.add_arguments(subparser)

    def run_from_argv(self, argv: list[str]) -> None:
        # What a command says is for people; routine log lines would stand between its own.
        logging.disable(logging.INFO)
        super().run_from_argv(argv)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            options["run_subcommand"](argparse.Namespace(**options), Console(self.stdout))
        except (OperationalError, ProgrammingError) as error:
            raise CommandError(
                f"The database did not answer as expected: {str(error).strip()}. If it has not been set up yet, run: "
                "manage.py optimizer setup. To find out what is wrong, run: manage.py optimizer doctor."
            ) from error
