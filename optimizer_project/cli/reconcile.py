"""Closes ledger rows that a crashed process left open, with the estimate they had reserved.

The scheduler does this every 30 seconds by itself.
"""

import argparse

from optimizer_project.cli.console import Console
from routing.services import reconciler

NAME = "reconcile"
HELP = "close ledger rows that a crashed process left open"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no arguments."""


def run(options: argparse.Namespace, console: Console) -> None:
    closed = reconciler.close_orphans()
    console.line(f"Rows closed: {closed}.")
