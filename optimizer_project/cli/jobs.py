"""Jobs: what they did, run one now, try one again that failed."""

import argparse

from django.core.management.base import CommandError

from jobs.models import JobRun
from jobs.services import dead_letters, registry
from jobs.services.dead_letters import AlreadyDecided, NothingToRetry
from optimizer_project.cli.arguments import add_json, whole_number
from optimizer_project.cli.console import Console

NAME = "jobs"
HELP = "see what scheduled jobs did, run one now, try one again"
_ACTOR = "command line"
_LARGEST_ID = 2**63 - 1
_SHOWN = ("id", "name", "period_key", "state", "trigger", "attempts", "started_at", "finished_at", "error")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list runs, newest first")
    listing.add_argument("--name", metavar="NAME", help="only those of this job")
    listing.add_argument("--state", choices=JobRun.State.values, help="only those in this state")
    listing.add_argument("--limit", metavar="N", type=whole_number(1, 1000), default=20, help="default 20")
    add_json(listing)
    running = actions.add_parser("run", help="run a job here and now, whatever was done before")
    running.add_argument("name", metavar="NAME", help="of the job, such as learning.tasks.watch")
    retrying = actions.add_parser("retry", help="start a run again that was given up or waits for its next attempt")
    retrying.add_argument("id", metavar="ID", type=whole_number(1, _LARGEST_ID), help="number of the run")


def run(options: argparse.Namespace, console: Console) -> None:
    _ACTIONS[options.action](options, console)


def _list(options: argparse.Namespace, console: Console) -> None:
    found = JobRun.objects.all()
    if options.name:
        found = found.filter(name=options.name)
    if options.state:
        found = found.filter(state=options.state)
    rows = list(found.values(*_SHOWN)[: options.limit])
    if options.json:
        console.json(rows)
    elif rows:
        console.table(_SHOWN[:-1], [_cells(row) for row in rows])
        for row in rows:
            if row["error"]:
                console.line(f"{row['id']}: {row['error']}")
    else:
        console.line("No job has run. The scheduler starts them; or run one: manage.py optimizer jobs run NAME")


def _cells(row: dict[str, object]) -> tuple[object, ...]:
    moments = ("started_at", "finished_at")
    return tuple(
        f"{row[field]:%Y-%m-%d %H:%M:%S}" if field in moments and row[field] else row[field] for field in _SHOWN[:-1]
    )


def _run(options: argparse.Namespace, console: Console) -> None:
    if not registry.is_job(options.name):
        raise CommandError(f"There is no job {options.name!r}. There are: {', '.join(registry.jobs())}.")
    try:
        registry.run(options.name)
    except Exception as error:
        raise CommandError(f"{options.name} failed and will be tried again: {error}") from error
    ended = JobRun.objects.filter(name=options.name).latest("pk")
    console.line(f"Run {ended.pk} of {options.name} succeeded: {ended.result}")


def _retry(options: argparse.Namespace, console: Console) -> None:
    found = JobRun.objects.filter(pk=options.id).first()
    if found is None:
        raise CommandError(f"There is no run {options.id}. List them with: manage.py optimizer jobs list")
    try:
        dead_letters.retry_run(found, actor=_ACTOR)
    except (AlreadyDecided, NothingToRetry) as error:
        raise CommandError(str(error)) from error
    console.line(f"Run {found.pk} of {found.name} is queued: a worker starts it within seconds.")


_ACTIONS = {"list": _list, "run": _run, "retry": _retry}
