"""Harms the product in every way of the matrix and checks after each that nothing was lost, leaked or overspent.

Usage: python -m faults [--cell A1 B2 ...] [--seed 1] [--seeds 1] [--resume FILE] [--write]

Each cell starts PostgreSQL, Redis, a fake provider and two web replicas of its own, loads them, brings its fault after
two seconds for five, waits until all is at rest, and holds the ledger against the provider's books, and answers, logs
and the database against what must never be in them. Exit code 1 where anything is violated, 2 where nothing could run.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from faults import places
from faults.servers import CannotHappenHere, DidNotStart, Postgres, Sqlite
from faults.template import PROJECT_DIR, CannotMigrate, sqlite_template, template

if TYPE_CHECKING:
    from faults.cell import Cell, Outcome, Store

_SWITCH_SECONDS = 0.0002
DOCUMENT = PROJECT_DIR / "docs" / "FAULTS.md"


class Unusable(Exception):
    """The options ask for what cannot be."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cells asked for, print a line each and a sum, and return the exit code."""
    options = _options(arguments)
    # The proxies' threads share the interpreter with the load; the usual 5 ms would hold up all that passes them.
    sys.setswitchinterval(_SWITCH_SECONDS)
    with places.made("faults-", on_sqlite=options.sqlite) as place:
        try:
            return _run(options, place)
        except (Unusable, LookupError, DidNotStart, CannotMigrate) as error:
            print(error, file=sys.stderr)
            return 2


def _run(options: argparse.Namespace, place: places.Place) -> int:
    from faults import matrix, report

    if options.list:
        print("\n".join(f"{cell.name:5} {cell.title}" for cell in matrix.CELLS))
        return 0
    chosen = matrix.chosen(options.cell)
    seeds = range(options.seed, options.seed + options.seeds)
    if options.keep is not None and (len(chosen) * len(seeds) > 1 or any(options.keep.glob("*"))):
        raise Unusable("--keep takes an empty folder, for one cell with one seed.")
    # Made when the first run needs it: what is only told of needs none.
    store = cache(lambda: _store(options, place))
    if options.together:
        return _together(chosen, seeds, store())
    known = report.read(options.resume)
    outcomes = []
    wanted = [(cell, seed) for seed in seeds for cell in chosen]
    for number, (cell, seed) in enumerate(wanted, 1):
        outcome = known.get((cell.name, seed))
        if outcome is None:
            print(f"{number} of {len(wanted)}: {cell.name} seed {seed} …", end="\r", file=sys.stderr, flush=True)
            outcome = _outcome(cell.in_short() if options.quick else cell, seed, store(), options)
            report.keep(options.resume, outcome)
        outcomes.append(outcome)
        print(report.line(outcome, cell.title), flush=True)
    if options.write:
        ran = {(outcome.cell, outcome.seed): outcome for outcome in outcomes}
        report.write(DOCUMENT, matrix.CELLS, list((known | ran).values()))
    return _sum(outcomes, len(chosen))


def _sum(outcomes: "Sequence[Outcome]", cells: int) -> int:
    """Print what all came to and return the exit code."""
    violated = sum(bool(outcome.problems) for outcome in outcomes)
    left_out = sum(bool(outcome.not_run) for outcome in outcomes)
    print(f"\n{len(outcomes) - left_out} runs of {cells} cells, {violated} with violations")
    return 1 if violated else 0


def _together(chosen: "Sequence[Cell]", seeds: Sequence[int], store: "Store") -> int:
    """Run the cells on one stack, for each seed."""
    from faults import report, together

    outcomes = []
    for seed in seeds:
        try:
            for cell, outcome in zip(
                chosen, together.run([cell.in_passing() for cell in chosen], seed, store=store), strict=True
            ):
                outcomes.append(outcome)
                print(report.line(outcome, cell.title), flush=True)
        except (together.NeedsItsOwn, CannotHappenHere) as reason:
            raise Unusable(str(reason)) from reason
    return _sum(outcomes, len(chosen))


def _store(options: argparse.Namespace, place: places.Place) -> "Store":
    """Return what makes the database of a cell in its folder."""
    if options.sqlite:
        migrated = sqlite_template(place.file)
        return lambda _folder: Sqlite(place.file, migrated)
    migrated = template(place.folder, place.port)
    return lambda folder: Postgres(folder, place.port, migrated)


def _outcome(cell: "Cell", seed: int, store: "Store", options: argparse.Namespace) -> "Outcome":
    from faults.cell import Outcome, broken_off, run

    try:
        if cell.on_sqlite and not options.sqlite:
            return _of_another_process(cell, seed, options)
        return run(cell, seed, store=store, keep=options.keep)
    except CannotHappenHere as reason:
        return Outcome(cell.name, seed, [], 0, 0, 0.0, not_run=str(reason))
    except Exception as error:
        # One cell that cannot be run is no reason to learn nothing of the others.
        return broken_off(cell, seed, error)


def _of_another_process(cell: "Cell", seed: int, options: argparse.Namespace) -> "Outcome":
    """Run the cell where Django is set up for SQLite: a process is set up for one database."""
    from faults import report

    with tempfile.TemporaryDirectory() as name:
        kept = Path(name) / "outcome.jsonl"
        command = [sys.executable, "-m", "faults", "--sqlite", "--cell", cell.name, "--seed", str(seed)]
        command += ["--resume", str(kept), *(["--quick"] if options.quick else [])]
        command += ["--keep", str(options.keep)] if options.keep else []
        subprocess.run(command, cwd=PROJECT_DIR, stdout=subprocess.DEVNULL, check=False)
        return report.read(kept)[cell.name, seed]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--cell", nargs="*", default=[], help="names of cells, or the beginning of some; all by default"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the first run of each cell (default 1)")
    parser.add_argument(
        "--seeds", type=int, default=1, help="runs of each cell, with seeds one after the other; 0 for none"
    )
    parser.add_argument("--resume", type=Path, help="JSON lines file: runs that it holds are not run again")
    parser.add_argument(
        "--write", action="store_true", help="put the table, with what --resume holds, into docs/FAULTS.md"
    )
    parser.add_argument("--quick", action="store_true", help="a short fault under a short load, as in the tests")
    parser.add_argument("--together", action="store_true", help="on one stack, even shorter, as in the tests")
    parser.add_argument("--list", action="store_true", help="list the cells and end")
    parser.add_argument("--sqlite", action="store_true", help="of cells that take SQLite for the database")
    parser.add_argument("--keep", type=Path, help="an empty folder to keep the logs of one run in")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
