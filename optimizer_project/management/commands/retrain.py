"""`manage.py retrain`: the same as `manage.py optimizer retrain`."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from optimizer_project.cli import retrain
from optimizer_project.cli.console import Console


class Command(BaseCommand):
    help = retrain.__doc__ or retrain.HELP

    def add_arguments(self, parser: CommandParser) -> None:
        retrain.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        retrain.run(argparse.Namespace(**options), Console(self.stdout))
