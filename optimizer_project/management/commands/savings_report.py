"""`manage.py savings_report FILE`: what a log of LiteLLM or OpenAI would have cost on other models."""

import argparse
import logging
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError
from django.utils import timezone

from insights.domain.savings.tally import Selection
from insights.domain.usage_logs import formats
from insights.services.savings import pages, reports, summary
from insights.services.savings.log_file import CannotRead
from insights.services.savings.reports import Asked, SavingsReport
from optimizer_project.cli import progress
from optimizer_project.cli.arguments import add_json
from optimizer_project.cli.console import Console

_DEFAULT_PAGE = "savings-report.html"


class Command(BaseCommand):
    help = (
        "Show what the tokens of a LiteLLM spend log or an OpenAI usage export would have cost on the models of this "
        "product's catalog: a summary here, and a report as one HTML file. The log is only read, nothing is sent "
        "anywhere, and nothing is written to the database."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, JSON or JSON lines, packed by gzip or not")
        parser.add_argument("--format", choices=sorted(formats.BY_NAME), help="default: recognized by the content")
        parser.add_argument("--html", type=Path, metavar="PAGE", help=f"default: {_DEFAULT_PAGE} next to the log")
        parser.add_argument("--force", action="store_true", help="overwrite the page where there is one")
        parser.add_argument("--since", type=_day, metavar="DATE", help="only rows from this day on (UTC)")
        parser.add_argument("--until", type=_day, metavar="DATE", help="only rows up to this day, included (UTC)")
        parser.add_argument("--team", help="only rows of this team or project, as the log names it")
        parser.add_argument("--baseline", metavar="MODEL", help="measure savings against all requests on this model")
        parser.add_argument(
            "--provider", action="append", default=[], metavar="SLUG", help="compare with models of this provider only"
        )
        add_json(parser)

    def run_from_argv(self, argv: list[str]) -> None:
        # What this command says is for people; routine log lines would stand between its own.
        logging.disable(logging.INFO)
        super().run_from_argv(argv)

    def handle(self, *args: Any, **options: Any) -> None:
        page: Path = options["html"] or options["file"].with_name(_DEFAULT_PAGE)
        _require_room(page, options)
        report = _make(options)
        try:
            pages.write(report, page, now=timezone.now(), overwrite=options["force"])
        except pages.CannotWrite as error:
            raise CommandError(str(error)) from error
        console = Console(self.stdout)
        if options["json"]:
            console.json({**pages.as_json(report), "page": str(page)})
            return
        for line in (*summary.lines(report), *summary.unread(report), "", f"The report: {page}"):
            console.line(line)


def _make(options: dict[str, Any]) -> SavingsReport:
    until: date | None = options["until"]
    selection = Selection(
        since=_midnight(options["since"]),
        until=_midnight(until + timedelta(days=1)) if until else None,
        team=options["team"],
    )
    asked = Asked(options["file"], selection, options["format"], options["baseline"], options["provider"])
    try:
        with progress.bar(_size(asked.path), asked.path.name, unit="B", is_bytes=True) as bar:
            return reports.make(asked, bar.to)
    except (CannotRead, formats.UnknownFormat, reports.NothingToCompareWith, reports.UnknownModel) as error:
        raise CommandError(str(error)) from error
    except (OperationalError, ProgrammingError) as error:
        raise CommandError(
            f"The prices could not be read: {str(error).strip()}. If the database has not been set up yet, run: "
            "manage.py optimizer setup"
        ) from error


def _require_room(page: Path, options: dict[str, Any]) -> None:
    """Raise CommandError, before an hour of work, where the page could not be written after it."""
    if page.is_dir() or not page.parent.is_dir():
        raise CommandError(f"{page} is no place for a page: name a file in a folder that is there, with --html.")
    if page.exists() and options["file"].exists() and page.samefile(options["file"]):
        raise CommandError(f"{page} is the log itself: name another file with --html.")
    if page.exists() and not options["force"]:
        raise CommandError(f"{page} is there already. Overwrite it with --force, or name another file with --html.")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _day(text: str) -> date:
    try:
        # A year with four digits, so that the day after it is one as well.
        return min(date.fromisoformat(text), date(2100, 12, 31))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day, such as 2026-03-01") from error


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), UTC)
