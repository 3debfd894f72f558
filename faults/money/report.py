"""What the parts came to: kept line by line, so that a long run resumes, and told as a table."""

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from faults.money.part import Result

BEGIN = "<!-- money: begin (written by the command, do not edit) -->"
END = "<!-- money: end -->"
_TITLES = {
    "kills": "while replicas and workers are killed",
    "races": "racing for small budgets",
    "duplicates": "submitted many times at once",
}
_LINE_SECONDS = 5.0


def read(path: Path | None) -> dict[str, Result]:
    """Return the results kept in a file, by name; none where there is no file."""
    if path is None or not path.exists():
        return {}
    return {result.name: result for result in (Result(**json.loads(line)) for line in path.read_text().splitlines())}


def keep(path: Path | None, result: Result) -> None:
    """Add a result to the file."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")


class Progress:
    """Says on the error stream how far a part is, how fast it goes and how long it will still take."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._first: tuple[float, int] | None = None
        self._said_at = 0.0

    def __call__(self, done: int, wanted: int, unit: str) -> None:
        now = time.monotonic()
        self._first = self._first or (now, done)
        began_at, done_then = self._first
        if done == done_then or now - self._said_at < _LINE_SECONDS:
            return
        self._said_at = now
        rate = (done - done_then) / (now - began_at)
        left = max(0.0, (wanted - done) / rate)
        text = f"{self._name}: {done:,} of {wanted:,} {unit}, {rate:,.0f}/s, {left:,.0f} s left"
        print(text, file=sys.stderr, flush=True)


def line(result: Result) -> str:
    """Return what is printed of a part: a line, and one more for each problem."""
    verdict = "DIFFERS" if result.problems else "exact"
    head = f"[{time.strftime('%H:%M:%S')}] {result.name}: {verdict}, {result.figures['requests']:,} requests"
    return "\n".join([f"{head}, {result.seconds:.0f} s", *(f"        {problem}" for problem in result.problems)])


def table(results: Sequence[Result]) -> str:
    """Return the figures as Markdown, a column for each kind of part."""
    kinds = [kind for kind in _TITLES if any(result.kind == kind for result in results)]
    sums: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
    for result in results:
        sums[result.kind].update({name: value for name, value in result.figures.items() if name not in _LARGEST})
        for name in _LARGEST & result.figures.keys():
            sums[result.kind][name] = max(sums[result.kind][name], result.figures[name])
        sums[result.kind]["problems"] += len(result.problems)
    names = list(dict.fromkeys(name for kind in kinds for name in sums[kind]))
    rows = [["", *(_TITLES[kind] for kind in kinds)], ["---", *["---:"] * len(kinds)]]
    rows += [[name, *(_cell(sums[kind], name) for kind in kinds)] for name in names]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


_LARGEST = {"overspent nano-USD"}


def _cell(figures: Counter[str], name: str) -> str:
    return f"{figures[name]:,}" if name in figures else ""
