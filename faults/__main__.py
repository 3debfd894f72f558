"""Harms the product in every way of the matrix and checks after each that nothing was lost, leaked or overspent.

Usage: python -m faults [--cell A1 B2 ...] [--seed 1] [--seeds 1] [--resume FILE] [--write]

Each cell starts PostgreSQL, Redis, a fake provider and two web replicas of its own, loads them, brings its fault after
two seconds for five, waits until all is at rest, and holds the ledger against the provider's books, and answers, logs
and the database against what must never be in them. Exit code 1 where anything is violated, 2 where nothing could run.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from faults.servers import DidNotStart
from faults.stack import SECRET_KEY
from faults.template import PROJECT_DIR, CannotMigrate, template
from tests.services import free_port

if TYPE_CHECKING:
    from faults.cell import Cell, Outcome

_SWITCH_SECONDS = 0.0002
DOCUMENT = PROJECT_DIR / "docs" / "FAULTS.md"


class Unusable(Exception):
    """The options ask for what cannot be."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cells asked for, print a line each and a sum, and return the exit code."""
    options = _options(arguments)
    # The proxies' threads share the interpreter with the load; the usual 5 ms would hold up all that passes them.
    sys.setswitchinterval(_SWITCH_SECONDS)
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        # The database runs as a user of its own.
        folder.chmod(0o755)
        port = free_port()
        _set_up_django(port, folder)
        try:
            return _run(options, folder, port)
        except (Unusable, LookupError, DidNotStart, CannotMigrate) as error:
            print(error, file=sys.stderr)
            return 2


def _run(options: argparse.Namespace, folder: Path, port: int) -> int:
    from faults import matrix, report

    if options.list:
        print("\n".join(f"{cell.name:5} {cell.title}" for cell in matrix.CELLS))
        return 0
    chosen = matrix.chosen(options.cell)
    seeds = range(options.seed, options.seed + options.seeds)
    if options.keep is not None and (len(chosen) * len(seeds) > 1 or any(options.keep.glob("*"))):
        raise Unusable("--keep takes an empty folder, for one cell with one seed.")
    migrated = template(folder, port)
    known = report.read(options.resume)
    outcomes = []
    wanted = [(cell, seed) for seed in seeds for cell in chosen]
    for number, (cell, seed) in enumerate(wanted, 1):
        outcome = known.get((cell.name, seed))
        if outcome is None:
            print(f"{number} of {len(wanted)}: {cell.name} seed {seed} …", end="\r", file=sys.stderr, flush=True)
            outcome = _outcome(cell.in_short() if options.quick else cell, seed, port, migrated, options.keep)
            report.keep(options.resume, outcome)
        outcomes.append(outcome)
        print(report.line(outcome, cell.title), flush=True)
    if options.write:
        report.write(DOCUMENT, matrix.CELLS, outcomes)
    violated = sum(bool(outcome.problems) for outcome in outcomes)
    print(f"\n{len(outcomes)} runs of {len(chosen)} cells, {violated} with violations")
    return 1 if violated else 0


def _outcome(cell: "Cell", seed: int, port: int, migrated: Path, keep: Path | None) -> "Outcome":
    from faults.cell import Outcome, run

    try:
        return run(cell, seed, port=port, template=migrated, keep=keep)
    except Exception as error:
        # One cell that cannot be run is no reason to learn nothing of the others.
        return Outcome(cell.name, seed, [f"not run to its end: {type(error).__name__}: {error}"], 0, 0, 0.0)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--cell", nargs="*", default=[], help="names of cells, or the beginning of some; all by default"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the first run of each cell (default 1)")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each cell, with seeds one after the other")
    parser.add_argument("--resume", type=Path, help="JSON lines file: runs that it holds are not run again")
    parser.add_argument("--write", action="store_true", help="put the table into docs/FAULTS.md")
    parser.add_argument("--quick", action="store_true", help="a short fault under a short load, as in the tests")
    parser.add_argument("--list", action="store_true", help="list the cells and end")
    parser.add_argument("--keep", type=Path, help="an empty folder to keep the logs of one run in")
    return parser.parse_args(arguments)


def _set_up_django(port: int, folder: Path) -> None:
    """Let the ORM of this process ask the database directly, past the proxy that is harmed."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "optimizer_project.settings",
        "ENVIRONMENT": "test",
        "SECRET_KEY": SECRET_KEY,
        "DATABASE_URL": f"postgresql://optimizer@127.0.0.1:{port}/optimizer",
        "REDIS_URL": "",
        "DATA_DIR": str(folder / "data"),
        "DJANGO_ALLOW_ASYNC_UNSAFE": "true",
        "LOG_LEVEL": "ERROR",
    }
    import django

    django.setup()


if __name__ == "__main__":
    sys.exit(main())
