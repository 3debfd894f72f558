"""Looks whether stored data agree with each other, with what is computed anew, and the API with its description.

Without options a little of the data is looked at, another little each time, which takes less than half a second.
Nothing is changed but the record of the check, which the alert rule for integrity and the metrics read. Fails where
something does not agree.
"""

import argparse

from django.core.management.base import CommandError

from monitoring.models import IntegrityCheck
from monitoring.services import integrity
from optimizer_project import api_contract
from optimizer_project.api_contract import PathAnswer
from optimizer_project.cli.arguments import add_json
from optimizer_project.cli.console import Console
from routing.services import database_clock

NAME = "validate"
HELP = "check that stored figures agree with each other, and the API with its description"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--full", action="store_true", help="look at all data: minutes for each million requests")
    parser.add_argument("--skip-api", action="store_true", help="leave out the paths of the API")
    add_json(parser)


def run(options: argparse.Namespace, console: Console) -> None:
    now = database_clock.now()
    if options.full:
        check = integrity.full_check(now=now)
    else:
        integrity.spot_check(now=now)
        check = IntegrityCheck.objects.filter(checked_at=now).latest("id")
    answers = [] if options.skip_api else list(api_contract.ask_all())
    broken = [answer for answer in answers if answer.problem]
    if options.json:
        console.json(_document(check, answers, broken))
    else:
        _show(check, answers, broken, console)
    failed = [result["name"] for result in check.results if not result["passed"]]
    if failed or broken:
        raise CommandError(
            f"{len(failed)} of {len(check.results)} checks of the data failed, and {len(broken)} of {len(answers)} "
            "paths of the API. What is wrong stands above; roll-ups are made anew with: manage.py optimizer metrics "
            "rebuild"
        )


def _show(check: IntegrityCheck, answers: list[PathAnswer], broken: list[PathAnswer], console: Console) -> None:
    rows = [
        (result["name"], result["looked_at"], "ok" if result["passed"] else f"{result['failures']} wrong")
        for result in check.results
    ]
    console.table(("check", "looked at", "result"), rows)
    for result in check.results:
        for example in result["examples"]:
            console.line(f"  {result['name']}: {example}")
    console.line(f"The {check.get_kind_display()} took {check.duration_ms} ms.")
    if answers:
        console.line(f"{len(answers) - len(broken)} of {len(answers)} operations of the API answer as described.")
    for answer in broken:
        console.line(f"  {answer.method} {answer.path}: {answer.problem}")


def _document(check: IntegrityCheck, answers: list[PathAnswer], broken: list[PathAnswer]) -> dict[str, object]:
    return {
        "kind": check.kind,
        "checked_at": check.checked_at,
        "duration_ms": check.duration_ms,
        "pass_rate": check.pass_rate,
        "checks": check.results,
        "api_operations": len(answers),
        "api_problems": [{"method": one.method, "path": one.path, "problem": one.problem} for one in broken],
    }
