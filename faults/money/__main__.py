"""Proves at scale that no nano-dollar is lost, spent twice or spent beyond a budget.

Usage: python -m faults.money [--requests 200000] [--kills 200] [--races 20000] [--duplicates 2000] [--seed 1]
                              [--batch 25000] [--resume FILE] [--folder DIR] [--only kills races duplicates] [--write]

Three parts, each on PostgreSQL, Redis, two web replicas and a fake provider of its own that writes down every exchange:
requests of four teams, half of them streams, while replicas and workers are killed; requests that race for budgets with
room for a few of them; sets of the same request submitted many times at once. After each, all invariants of
`python -m faults` are checked, and the ledger is held against the provider's books. Requests with kills come in
batches, so that a run is resumed after the last one that was finished. Exit code 1 where anything differs, 2 where
nothing could run.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import write_between_markers
from faults import places
from faults.servers import DidNotStart
from faults.template import PROJECT_DIR, CannotMigrate, template

if TYPE_CHECKING:
    from faults.money.part import Part, Result

PAGE = PROJECT_DIR / "docs" / "MONEY.md"
_KINDS = ("kills", "races", "duplicates")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts asked for, print a line each and the table, and return the exit code."""
    options = options_of(arguments)
    with places.made("money-") as place:
        try:
            results = _run(options, place.port, template(place.folder, place.port))
        except (DidNotStart, CannotMigrate) as error:
            print(error, file=sys.stderr)
            return 2
    from faults.money import report

    text = report.table(results)
    print(f"\n{text}")
    if options.write:
        conditions = f"{sum(result.seconds for result in results) / 60:.0f} minutes in all, seed {options.seed}.\n\n"
        write_between_markers(PAGE, conditions + text, begin=report.BEGIN, end=report.END)
    return 1 if any(result.problems for result in results) else 0


def _run(options: argparse.Namespace, port: int, migrated: Path) -> "list[Result]":
    from faults.money import part, report

    known = report.read(options.resume)
    results = []
    for wanted in parts(options):
        result = known.get(wanted.name)
        if result is None:
            say = report.Progress(wanted.name)
            result = part.run(wanted, port=port, template=migrated, say=say, place=options.folder)
            report.keep(options.resume, result)
        results.append(result)
        print(report.line(result), flush=True)
    return results


def parts(options: argparse.Namespace) -> "list[Part]":
    """Return what the options ask for; the name of a part says all that decides what it does."""
    from faults.money.duplicates import Duplicates
    from faults.money.kills import Kills
    from faults.money.part import Part
    from faults.money.races import Races

    seed = options.seed
    found = []
    batches = -(-options.requests // options.batch)
    for number in range(batches):
        requests = _share(options.requests, number, batches)
        kills = _share(options.kills, number, batches)
        batch_seed = 1000 * seed + number
        name = f"kills batch {number + 1} of {batches}: {requests} requests, {kills} kills, seed {seed}"
        found.append(Part(name, Kills(requests, kills, batch_seed).play, has_workers=True))
    found.append(Part(f"races: {options.races} requests, seed {seed}", Races(options.races, seed).play))
    found.append(Part(f"duplicates: {options.duplicates} sets, seed {seed}", Duplicates(options.duplicates, seed).play))
    return [one for one in found if one.name.startswith(tuple(options.only))]


def _share(total: int, number: int, parts: int) -> int:
    """Return the share of one of so many parts, which add up to the total."""
    return total * (number + 1) // parts - total * number // parts


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m faults.money", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=_positive, default=200_000, help="with kills among them (default 200000)")
    parser.add_argument("--kills", type=_positive, default=200, help="of replicas and workers (default 200)")
    parser.add_argument("--races", type=_positive, default=20_000, help="requests on small budgets (default 20000)")
    parser.add_argument("--duplicates", type=_positive, default=2_000, help="sets of the same request (default 2000)")
    parser.add_argument("--batch", type=_positive, default=25_000, help="requests on one stack (default 25000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=_KINDS, default=_KINDS, help="parts to run; all by default")
    parser.add_argument("--resume", type=Path, help="JSON lines file: parts that it holds are not run again")
    parser.add_argument("--folder", type=Path, help="where databases and books lie; one in memory is faster")
    parser.add_argument("--write", action="store_true", help=f"put the table into docs/{PAGE.name}")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
