"""Outcomes of several models on the same prompts, from evaluations you have made: where learning starts warm."""

import argparse
import getpass
from pathlib import Path

from django.core.management.base import CommandError
from django.utils import timezone

from learning.models import EvaluationSet
from learning.selectors import outcome_report
from learning.services import evaluation_sets, outcome_import, table_files
from learning.services.outcome_import import AlreadyImported, BadRows, FileReport
from learning.services.table_files import InvalidFile
from optimizer_project.cli import progress
from optimizer_project.cli.arguments import add_json, find_team, whole_number
from optimizer_project.cli.console import Console, format_usd

NAME = "outcomes"
HELP = "import, list and delete evaluation outcomes to learn from"
_FILE_HELP = (
    "CSV with a header, or JSON lines, packed by gzip or not: prompt, model, quality (0 to 1), cost (US dollars, empty "
    "where it is not known), and optionally task and output_tokens"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    load = actions.add_parser("import", help="check a file to its end, then import it as a set")
    load.add_argument("file", type=Path, metavar="FILE", help=_FILE_HELP)
    load.add_argument("--name", help="name of the set (default: the file's)")
    load.add_argument("--team", help="slug of the team whose evidence it is (default: shared by all teams)")
    load.add_argument("--skip-bad", action="store_true", help="leave bad rows out (default: import nothing)")
    load.add_argument("--dry-run", action="store_true", help="only check the file")
    add_json(load)
    add_json(actions.add_parser("list", help="list all sets, newest first"))
    show = actions.add_parser("show", help="show how the models of a set did")
    show.add_argument("id", type=whole_number(1, 2**62), metavar="ID", help="of the set, as list shows it")
    add_json(show)
    delete = actions.add_parser("delete", help="delete a set with its outcomes")
    delete.add_argument("id", type=whole_number(1, 2**62), metavar="ID", help="of the set, as list shows it")


def run(options: argparse.Namespace, console: Console) -> None:
    {"import": _import, "list": _list, "show": _show, "delete": _delete}[options.action](options, console)


def _import(options: argparse.Namespace, console: Console) -> None:
    team = find_team(options.team) if options.team else None
    try:
        source = table_files.from_path(options.file)
        with progress.bar(source.size * (1 if options.dry_run else 2), source.name, unit="B", is_bytes=True) as bar:
            if options.dry_run:
                report = outcome_import.check(source, team=team, progress=bar.to)
            else:
                imported = outcome_import.import_outcomes(
                    source,
                    name=options.name or source.name,
                    team=team,
                    actor=getpass.getuser(),
                    now=timezone.now(),
                    skip_bad=options.skip_bad,
                    progress=bar.to,
                )
    except (InvalidFile, AlreadyImported) as error:
        raise CommandError(str(error)) from error
    except BadRows as error:
        _tell(error.report, options, console)
        raise CommandError(f"{error} Mend them, or leave them out with --skip-bad.") from error
    if options.dry_run:
        _tell(report, options, console)
        if report.bad_rows and not options.skip_bad:
            raise CommandError(f"{report.bad_rows} of {report.rows} rows are not valid; nothing would be imported.")
        return
    _tell(imported.report, options, console, **_row(imported.evaluation_set), duplicates=imported.duplicates)


def _tell(report: FileReport, options: argparse.Namespace, console: Console, **stored: object) -> None:
    if options.json:
        console.json({"file": report, **stored})
        return
    for error in report.errors:
        console.line(f"line {error.line}: {error.message}")
    if report.bad_rows > len(report.errors):
        console.line(f"… and {report.bad_rows - len(report.errors)} more bad rows")
    if report.ignored_columns:
        console.line(f"columns not read: {', '.join(name[:40] for name in report.ignored_columns[:20])}")
    if report.models:
        console.table(
            ["model", "rows", "in the catalog"],
            [(name, rows, "no" if name in report.unknown_models else "yes") for name, rows in report.models.items()],
        )
    console.line(f"{report.rows} rows, {report.good_rows} good, {report.bad_rows} bad")
    if stored:
        console.line(
            f"Set {stored['id']} ({stored['name']}) holds {stored['outcomes']} outcomes of {stored['prompts']} "
            f"prompts; {stored['duplicates']} rows were replaced by a later one for the same prompt and model."
        )


def _list(options: argparse.Namespace, console: Console) -> None:
    rows = [_row(found) for found in EvaluationSet.objects.select_related("team")]
    if options.json:
        console.json(rows)
    elif rows:
        console.table([name.replace("_", " ") for name in rows[0]], [tuple(row.values()) for row in rows])
    else:
        console.line("There are no sets yet. Import one: manage.py optimizer outcomes import FILE")


def _show(options: argparse.Namespace, console: Console) -> None:
    found = _find(options.id)
    rows = [
        {
            "model": row.model,
            "outcomes": row.outcomes,
            "quality": f"{row.quality:.3f}",
            "95 % interval": f"{row.lower:.3f} to {row.upper:.3f}",
            "mean cost USD": None if row.cost_nano_usd is None else format_usd(round(row.cost_nano_usd)),
            "dominated": "yes" if row.is_dominated else "",
        }
        for row in outcome_report.by_model(found)
    ]
    if options.json:
        console.json({**_row(found), "models": rows})
    elif rows:
        console.table(list(rows[0]), [tuple(row.values()) for row in rows])
    else:
        console.line(f"Set {found.pk} holds no outcome.")


def _delete(options: argparse.Namespace, console: Console) -> None:
    found = _find(options.id)
    try:
        evaluation_sets.refuse_in_use(found)
    except evaluation_sets.SetInUse as error:
        raise CommandError(str(error)) from error
    evaluation_sets.delete(found)
    console.line(f"Set {options.id} ({found.name}) was deleted. Predictors trained on it stay until the next training.")


def _find(set_id: int) -> EvaluationSet:
    try:
        return EvaluationSet.objects.select_related("team").get(pk=set_id)
    except EvaluationSet.DoesNotExist as error:
        raise CommandError(f"There is no set {set_id}. List them with: manage.py optimizer outcomes list") from error


def _row(found: EvaluationSet) -> dict[str, object]:
    return {
        "id": found.pk,
        "name": found.name,
        "team": None if found.team is None else found.team.slug,
        "source": found.source,
        "prompts": found.prompt_count,
        "outcomes": found.outcome_count,
        "state": _state(found),
        "created_at": f"{found.created_at:%Y-%m-%d %H:%M}",
    }


def _state(found: EvaluationSet) -> str:
    if found.is_enabled:
        return "trained on"
    return "switched off" if evaluation_sets.is_complete(found) else "not complete"
