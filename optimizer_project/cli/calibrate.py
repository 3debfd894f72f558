"""Replays prompts that a team has agreed to keep through several models, grades the answers, and learns from them.

`plan` draws the sample and says what it will cost; nothing is spent before `start` confirms a budget. Every question
goes through the running gateway with a key of the team, so that its ledger, budgets and rate limits hold. A run that is
interrupted goes on with `resume`, and nothing that was answered is paid for twice.
"""

import argparse
import getpass
import os
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from django.core.management.base import CommandError
from django.utils import timezone

from learning.domain import reference_grading
from learning.models import Calibration
from learning.services import calibration, calibration_ledger, calibration_planning, calibration_run, table_files
from learning.services.calibration_costs import CostBook, NoPrice
from learning.services.calibration_planning import CannotCalibrate, Request
from learning.services.calibration_run import Ended, Progress, Tools
from learning.services.gateway_client import GatewayClient
from learning.services.graders import references, registry
from learning.services.graders.base import Context, InvalidGrader
from learning.services.graders.references import References
from learning.services.table_files import InvalidFile
from optimizer_project.cli import calibration_report, progress
from optimizer_project.cli.arguments import add_json, find_team, usd, whole_number
from optimizer_project.cli.console import Console, format_usd
from routing.domain.pricing import to_nano_usd
from routing.services import snapshot

NAME = "calibrate"
HELP = "replay a team's kept prompts through several models, within a budget"
REFUSALS = (CannotCalibrate, InvalidGrader, InvalidFile, NoPrice)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_plan(actions.add_parser("plan", help="draw a sample and say what it will cost; spends nothing"))
    start = actions.add_parser("start", help="confirm the budget of a planned calibration and work on it")
    _add_run(start)
    start.add_argument("--budget-usd", type=usd, required=True, help="most that it may spend in all, in US dollars")
    resume = actions.add_parser("resume", help="go on with one that was interrupted, stopped, or had failures")
    _add_run(resume)
    resume.add_argument("--budget-usd", type=usd, help="a new budget for all of it (default: the confirmed one)")
    status = actions.add_parser("status", help="list calibrations, or show one with what it has found")
    status.add_argument("id", type=whole_number(1, 2**62), nargs="?", metavar="ID", help="of one calibration")
    add_json(status)
    cancel = actions.add_parser("cancel", help="end one for good; what it has found stays, switched off")
    cancel.add_argument("id", type=whole_number(1, 2**62), metavar="ID", help="as status shows it")


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("team", metavar="TEAM", help="slug of the team, which must keep its prompts")
    graders = parser.add_mutually_exclusive_group(required=True)
    graders.add_argument("--judge", metavar="MODEL", help="grade by this model")
    graders.add_argument("--grader-url", metavar="URL", help="grade by your own service (see CALIBRATION_GRADER_HOSTS)")
    graders.add_argument(
        "--compare", choices=tuple(reference_grading.MODES), help="grade by comparing with the reference answers"
    )
    _add_references(parser)
    parser.add_argument("--models", nargs="+", default=[], metavar="MODEL", help="default: all that auto may choose")
    parser.add_argument(
        "--prompts",
        type=whole_number(1, calibration_planning.MAX_PROMPTS),
        default=calibration_planning.DEFAULT_PROMPTS,
        help="how many prompts to replay (default: %(default)s)",
    )
    parser.add_argument(
        "--max-tokens",
        type=whole_number(1, 100_000),
        default=calibration_planning.DEFAULT_OUTPUT_TOKENS,
        help="longest answer in tokens (default: %(default)s)",
    )
    parser.add_argument("--seed", type=whole_number(0, 2**31), help="draws the same sample again (default: a new one)")
    add_json(parser)


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=whole_number(1, 2**62), metavar="ID", help="as plan and status show it")
    parser.add_argument("--key", help="API key of the team (default: the variable OPTIMIZER_API_KEY)")
    parser.add_argument(
        "--base-url", default="http://127.0.0.1:8000", help="address of the running gateway (default: %(default)s)"
    )
    _add_references(parser)
    parser.add_argument("--workers", type=whole_number(1, 64), default=4, help="questions at once (default: 4)")
    parser.add_argument(
        "--timeout-seconds", type=whole_number(1, 3600), default=600, help="longest wait for an answer (default: 600)"
    )


def _add_references(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--references",
        type=Path,
        metavar="FILE",
        help="CSV or JSON lines with the columns reference and request_id or prompt; not stored, so give it each time",
    )


def run(options: argparse.Namespace, console: Console) -> None:
    actions = {"plan": _plan, "start": _work, "resume": _work, "status": _status, "cancel": _cancel}
    try:
        actions[options.action](options, console)
    except REFUSALS as error:
        raise CommandError(str(error)) from error


def _plan(options: argparse.Namespace, console: Console) -> None:
    grader, settings = _grader(options)
    plan = calibration_planning.plan(
        Request(
            team=find_team(options.team),
            grader=grader,
            settings=settings,
            model_names=options.models,
            prompts=options.prompts,
            max_output_tokens=options.max_tokens,
        ),
        snapshot=snapshot.current(),
        references=_references(options),
        actor=getpass.getuser(),
        now=timezone.now(),
        seed=secrets.randbelow(2**31) if options.seed is None else options.seed,
    )
    calibration_report.show_plan(plan, console, as_json=options.json)


def _grader(options: argparse.Namespace) -> tuple[str, dict[str, str]]:
    if options.judge:
        return Calibration.Grader.JUDGE, {"model": options.judge}
    if options.grader_url:
        return Calibration.Grader.HTTP, {"url": options.grader_url}
    return Calibration.Grader.REFERENCE, {"mode": options.compare}


def _references(options: argparse.Namespace) -> References:
    return references.load(table_files.from_path(options.references)) if options.references else References()


def _work(options: argparse.Namespace, console: Console) -> None:
    row = _find(options.id)
    secret = options.key or os.environ.get("OPTIMIZER_API_KEY")
    if not secret:
        raise CommandError("No API key: give --key or set OPTIMIZER_API_KEY to a key of the team that is to pay.")
    stopping = threading.Event()
    gateway = GatewayClient(
        base_url=options.base_url,
        api_key=secret,
        label=calibration_ledger.label(row),
        timeout_seconds=float(options.timeout_seconds),
        stopping=stopping,
    )
    grader = registry.build(row.grader, Context(row.grader_settings, gateway, _references(options)))
    book = CostBook(snapshot.current(), max_output_tokens=row.max_output_tokens, judge=row.grader_settings.get("model"))
    book.check(row.model_names)
    now = timezone.now()
    budget = None if options.budget_usd is None else to_nano_usd(options.budget_usd)
    calibration.begin(row, budget_nano_usd=budget, api_key=calibration.key_of(row, secret, now), now=now)
    with _interruptible(stopping):
        ended = _run(row, Tools(gateway, grader, book, timezone.now, stopping, options.workers))
    _tell(ended, console)


def _run(row: Calibration, tools: Tools) -> Ended:
    with progress.bar(len(row.request_ids) * len(row.model_names), "answers", unit="answer") as bar:

        def show(state: Progress) -> None:
            bar.to(state.done, f"{format_usd(state.spent_nano_usd)} USD, {state.failed} failed")

        return calibration_run.run(row, tools, show)


@contextmanager
def _interruptible(stopping: threading.Event) -> Iterator[None]:
    """Let the first Ctrl-C end the work in good order; the second one ends the command."""

    def pause(_number: int, _frame: FrameType | None) -> None:
        stopping.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, pause)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _tell(ended: Ended, console: Console) -> None:
    row = ended.calibration
    calibration_report.show(row, console, as_json=False)
    if ended.why:
        console.line(f"Note: {ended.why}.")
    if row.state == Calibration.State.PAUSED:
        raise CommandError(
            f"Calibration {row.pk} is paused: {ended.why}. What was answered is kept. Go on with: manage.py optimizer "
            f"calibrate resume {row.pk}"
        )
    if row.state == Calibration.State.STOPPED:
        raise CommandError(
            f"Calibration {row.pk} stopped: {ended.why}. What was graded is trained on. Go on with a larger budget: "
            f"manage.py optimizer calibrate resume {row.pk} --budget-usd AMOUNT"
        )
    if row.state == Calibration.State.CANCELLED:
        raise CommandError(f"Calibration {row.pk} was cancelled.")
    if row.failures:
        console.line(f"Try its failures again with: manage.py optimizer calibrate resume {row.pk}")


def _status(options: argparse.Namespace, console: Console) -> None:
    if options.id is not None:
        calibration_report.show(_find(options.id), console, as_json=options.json)
    else:
        calibration_report.show_all(console, as_json=options.json)


def _cancel(options: argparse.Namespace, console: Console) -> None:
    calibration.cancel(_find(options.id), now=timezone.now())
    console.line(f"Calibration {options.id} is cancelled.")


def _find(calibration_id: int) -> Calibration:
    try:
        return Calibration.objects.select_related("team", "evaluation_set__team").get(pk=calibration_id)
    except Calibration.DoesNotExist as error:
        raise CommandError(
            f"There is no calibration {calibration_id}. List them with: manage.py optimizer calibrate status"
        ) from error
