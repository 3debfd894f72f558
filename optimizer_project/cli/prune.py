"""Deletes at once what the scheduled retention deletes, and nothing else: not the ledger, not ratings, not reports.

Without --yes it only counts. What a team asks to be kept, and for how long, is a setting of the team; how long the rest
is kept says docs/OPERATIONS.md.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from accounts.services import login_throttle
from feedback.services import events
from jobs.services import retention as job_retention
from learning.services import orphans
from monitoring.services import table_sizes
from optimizer_project.cli.arguments import add_json
from optimizer_project.cli.console import Console
from routing.services import database_clock, retention

NAME = "prune"
HELP = "delete at once what the scheduled retention would delete"

Counts = Mapping[str, int]


@dataclass(frozen=True)
class Part:
    """What one service keeps for a time: ``count`` says what has outlived it, ``delete`` deletes some or all of it."""

    count: Callable[[datetime], Counts]
    delete: Callable[[datetime], Counts]


PARTS = (
    Part(
        lambda now: asdict(retention.count_expired(now=now)),
        lambda now: asdict(retention.delete_expired(now=now)),
    ),
    Part(
        lambda now: _of_jobs(job_retention.count_old(now=now)),
        lambda now: _of_jobs(job_retention.delete_old(now=now)),
    ),
    Part(
        lambda now: {"telemetry_events": events.count_expired(now=now)},
        lambda now: {"telemetry_events": events.delete_expired(now=now)},
    ),
    Part(
        lambda now: {"login_attempts": login_throttle.count_expired(now=now)},
        lambda now: {"login_attempts": login_throttle.forget_expired(now=now)},
    ),
    Part(
        lambda now: {"table_sizes": table_sizes.count_old(now=now)},
        lambda now: {"table_sizes": table_sizes.delete_old(now=now)},
    ),
    Part(lambda now: orphans.count(now=now), lambda now: orphans.clean(now=now)),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="delete; without, only count what would be deleted")
    add_json(parser)


def run(options: argparse.Namespace, console: Console) -> None:
    now = database_clock.now()
    found: dict[str, int] = {}
    for part in PARTS:
        found.update(delete_all(part, now) if options.yes else part.count(now))
    if options.json:
        console.json({"deleted" if options.yes else "would_delete": found})
        return
    console.table(("what", "deleted" if options.yes else "would be deleted"), found.items())
    console.line()
    if options.yes:
        console.line(f"Rows deleted: {sum(found.values())}.")
    else:
        console.line(f"Nothing was deleted. Add --yes to delete these {sum(found.values())} rows.")


def delete_all(part: Part, now: datetime) -> dict[str, int]:
    """Delete all of it: a service bounds what it deletes in one go."""
    deleted: dict[str, int] = {}
    while True:
        more = part.delete(now)
        for name, rows in more.items():
            deleted[name] = deleted.get(name, 0) + rows
        if not any(more.values()):
            return deleted


def _of_jobs(counts: Counts) -> Counts:
    """Say of whom the runs and messages are."""
    return {
        "job_runs": counts["runs"],
        "outbox_messages": counts["messages"],
        "dead_letters": counts["dead_letters"],
    }
