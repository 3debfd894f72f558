"""Shows whether people who rate falsely by agreement can move routing, and whether honest people still can.

Usage: python -m benchmarks.poisoning [--runs 1000] [--seed 1] [--processes 2] [--quick] [--write]

Every run draws 40 to 300 people who rate two models for weeks, adds those who attack, and goes through eight weeks of
the product's own nights and Sundays: limits on votes, the watch for unusual rates, the retraining of the pattern table,
the freeze where ratings contradict each other. The same seed prints the same figures.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, fields

from benchmarks.poisoning.cells import ATTACKS, HONEST, Cell, Outcome, run
from benchmarks.programs import SOURCE_DIR
from benchmarks.report import write_between_markers

PAGE = SOURCE_DIR.parent / "docs" / "POISONING.md"
BEGIN = "<!-- poisoning: begin (written by the command, do not edit) -->"
END = "<!-- poisoning: end -->"
QUICK_RUNS = 20
# Of the runs of a process at a time.
_CHUNK = 25
_SURE = 0.95
# Of the honest changes that should happen.
LEARNED_AT_LEAST = 0.95
_BY_NAME = {cell.name: cell for cell in (*ATTACKS, *HONEST)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all cells, print the tables, and fail where routing was moved wrongly, or honest people no longer move it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=1000, help="of each cell (default 1000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_RUNS} runs of each cell")
    parser.add_argument("--write", action="store_true", help=f"put the tables into docs/{PAGE.name}")
    options = parser.parse_args(arguments)
    runs = QUICK_RUNS if options.quick else options.runs
    if min(runs, options.processes) < 1 or options.seed < 0:
        parser.error("--runs and --processes must be at least 1, --seed at least 0")
    with ProcessPoolExecutor(options.processes) as pool:
        counted = {cell.name: _count(pool, cell, runs, options.seed) for cell in (*ATTACKS, *HONEST)}
    text = render(counted, runs, options.seed)
    print(text)
    if options.write:
        write_between_markers(PAGE, text, begin=BEGIN, end=END)
    return 1 if failures(counted, runs) else 0


def _count(pool: ProcessPoolExecutor, cell: Cell, runs: int, seed: int) -> Counter[str]:
    began_at = time.monotonic()
    starts = range(0, runs, _CHUNK)
    counted: Counter[str] = Counter()
    for part in pool.map(
        some, *zip(*((cell.name, seed, start, min(runs, start + _CHUNK)) for start in starts), strict=True)
    ):
        counted += part
        done = counted["runs"]
        left = (runs - done) * (time.monotonic() - began_at) / done
        print(f"{cell.name}: {done} of {runs}, {left:.0f} s left   ", end="\r", file=sys.stderr, flush=True)
    print(f"{cell.name}: {runs} runs in {time.monotonic() - began_at:.0f} s        ", file=sys.stderr, flush=True)
    return counted


def some(name: str, seed: int, start: int, end: int) -> Counter[str]:
    """Return how many of these runs of a cell ended in which way."""
    counted: Counter[str] = Counter(runs=0)
    for outcome in (run(_BY_NAME[name], seed, number) for number in range(start, end)):
        counted["runs"] += 1
        counted.update(field.name for field, value in zip(fields(Outcome), astuple(outcome), strict=True) if value)
    return counted


def failures(counted: dict[str, Counter[str]], runs: int) -> list[str]:
    """Return what went wrong, in words."""
    return [*_moved(counted), *_stuck(counted, runs)]


def _moved(counted: dict[str, Counter[str]]) -> Iterator[str]:
    for cell in (*ATTACKS, *HONEST):
        if wrong := counted[cell.name]["is_wrong"]:
            yield f"{cell.name}: {wrong} wrong switches"


def _stuck(counted: dict[str, Counter[str]], runs: int) -> Iterator[str]:
    for cell in HONEST:
        arrived = counted[cell.name]["has_arrived"]
        if arrived < LEARNED_AT_LEAST * runs:
            yield f"{cell.name}: learned in {arrived} of {runs} runs only"


def upper_bound(hits: int, runs: int) -> float:
    """Return the one-sided 95 % upper bound of a share (Clopper and Pearson 1934)."""
    from scipy.special import betaincinv

    return 1.0 if hits == runs else float(betaincinv(hits + 1, runs - hits, _SURE))


def render(counted: dict[str, Counter[str]], runs: int, seed: int) -> str:
    """Return the tables as Markdown."""
    attacks = [
        [
            cell.name,
            *_wrong(counted[cell.name], runs),
            *_shares(counted[cell.name], runs, "is_frozen", "is_flooded", "is_naively_wrong"),
        ]
        for cell in ATTACKS
    ]
    honest = [
        [
            cell.name,
            *_wrong(counted[cell.name], runs)[:1],
            *_shares(counted[cell.name], runs, "has_arrived", "is_frozen", "is_flooded"),
        ]
        for cell in HONEST
    ]
    alerts = ["frozen, with alert", "told of a flood"]
    return "\n\n".join(
        [
            f"{runs:,} runs of each, seed {seed}.",
            _table(["attack", "wrong switches", "95 % sure: below", *alerts, "plain means switch"], attacks),
            _table(["what honest people bring about", "wrong switches", "learned", *alerts], honest),
            "\n".join(f"- MISSED: {failure}" for failure in failures(counted, runs)) or "Every target is met.",
        ]
    )


def _wrong(counted: Counter[str], runs: int) -> list[str]:
    wrong = counted["is_wrong"]
    return [str(wrong), f"{100 * upper_bound(wrong, runs):.2f} %"]


def _shares(counted: Counter[str], runs: int, *names: str) -> list[str]:
    return [f"{100 * counted[name] / runs:.1f} %" for name in names]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
