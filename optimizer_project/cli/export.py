"""Writes requests, ratings, events, findings or actions as CSV or JSON lines, to a file or to standard output.

Rows are written as they are read, so that an export of any length takes little memory. Amounts are exact, in dollars;
texts that a spreadsheet would run as formulas are made harmless in CSV. Prompts, answers, keys and whatever else is
encrypted are in no export. A file is there whole or not at all, and only its owner may read it.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from accounts.admin import spreadsheet
from accounts.services import replica
from optimizer_project.cli import whole_file
from optimizer_project.cli.arguments import find_team, moment
from optimizer_project.cli.console import Console
from optimizer_project.cli.export_sets import SETS
from routing.services import database_clock

NAME = "export"
HELP = "write requests, ratings, events or findings as CSV or JSON lines"
_FORMS = {"csv": spreadsheet.csv_lines, "jsonl": spreadsheet.json_lines}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    sets = "; ".join(f"{name}: {data.help}" for name, data in SETS.items())
    parser.add_argument("what", metavar="WHAT", choices=tuple(SETS), help=sets)
    parser.add_argument("--team", metavar="TEAM", help="slug of a team; default: all teams")
    parser.add_argument("--since", metavar="TIME", type=moment, help="only from then on, such as 2026-03-01 (UTC)")
    parser.add_argument("--until", metavar="TIME", type=moment, help="only before then; default: now")
    parser.add_argument("--format", choices=tuple(_FORMS), help="default: as the file's name ends, else csv")
    parser.add_argument("--output", metavar="FILE", type=Path, help="file to write; default: standard output")
    parser.add_argument("--force", action="store_true", help="overwrite the file where it is there")


def run(options: argparse.Namespace, console: Console) -> None:
    data = SETS[options.what]
    until = options.until or database_clock.now()
    if options.since is not None and options.since >= until:
        raise CommandError("--since must be before --until: there is nothing between them.")
    team = find_team(options.team) if options.team else None
    counted = _Counted(replica.rows(lambda: data.read(team, options.since, until)))
    lines = _FORMS[_form(options)](data.columns, counted)
    if options.output is None:
        _to_standard_output(lines, console)
        return
    if options.output.exists() and not options.force:
        raise CommandError(f"{options.output} is there already. Choose another name, or overwrite it with --force.")
    with whole_file.written(options.output, overwrites=options.force) as file:
        file.writelines(lines)
    console.line(f"Rows written to {options.output}: {counted.rows}.")


def _form(options: argparse.Namespace) -> str:
    ending = "" if options.output is None else options.output.suffix.removeprefix(".")
    return options.format or (ending if ending in _FORMS else "csv")


class _Counted:
    """Rows that are counted as they go by."""

    def __init__(self, rows: Iterator[Sequence[Any]]) -> None:
        self._of = rows
        self.rows = 0

    def __iter__(self) -> Iterator[Sequence[Any]]:
        for row in self._of:
            self.rows += 1
            yield row


def _to_standard_output(lines: Iterator[str], console: Console) -> None:
    try:
        for line in lines:
            console.stream.write(line)
        console.stream.flush()
    except BrokenPipeError:
        # Whoever reads has seen enough, as `| head` does. What is still buffered goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
