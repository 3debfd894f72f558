"""What runs of cells came to: kept line by line, so that a long run resumes, and told as lines and as a table."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from faults.cell import Cell, Outcome

BEGIN, END = "<!-- results -->", "<!-- end of results -->"


class NoPlace(Exception):
    """The document has no place for the table."""


def read(path: Path | None) -> dict[tuple[str, int], Outcome]:
    """Return the outcomes kept in a file, by cell and seed; none where there is no file."""
    if path is None or not path.exists():
        return {}
    outcomes = [Outcome(**json.loads(line)) for line in path.read_text().splitlines()]
    return {(outcome.cell, outcome.seed): outcome for outcome in outcomes}


def keep(path: Path | None, outcome: Outcome) -> None:
    """Add an outcome to the file."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(json.dumps(asdict(outcome)) + "\n")


def line(outcome: Outcome, title: str) -> str:
    """Return what is printed of a run: a line, and one more for each problem."""
    if outcome.not_run:
        return f"[{time.strftime('%H:%M:%S')}] {outcome.cell:5} seed {outcome.seed}: not run  {outcome.not_run}"
    verdict = "VIOLATED" if outcome.problems else "holds"
    head = (
        f"[{time.strftime('%H:%M:%S')}] {outcome.cell:5} seed {outcome.seed}: {verdict:8} "
        f"{outcome.answered} of {outcome.requests} answered, {outcome.seconds:.0f} s  {title}"
    )
    return "\n".join([head, *(f"        {problem}" for problem in outcome.problems)])


def table(cells: Sequence[Cell], outcomes: Sequence[Outcome]) -> str:
    """Return a Markdown table with a row for each cell, also for those that were not run."""
    rows = ["| cell | fault | runs | held | requests | answered whole |", "|---|---|---|---|---|---|"]
    for cell in cells:
        of_cell = [outcome for outcome in outcomes if outcome.cell == cell.name and not outcome.not_run]
        held = sum(not outcome.problems for outcome in of_cell)
        requests = sum(outcome.requests for outcome in of_cell)
        answered = sum(outcome.answered for outcome in of_cell)
        figures = f"{len(of_cell)} | {held} | {requests:,} | {answered:,}" if of_cell else "not run | | |"
        rows.append(f"| {cell.name} | {cell.title} | {figures} |")
    return "\n".join(rows)


def write(document: Path, cells: Sequence[Cell], outcomes: Sequence[Outcome]) -> None:
    """Put the table into the document, between its two marks; raises NoPlace."""
    text = document.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise NoPlace(f"{document} has no place for the table: put the lines {BEGIN} and {END} where it belongs.")
    document.write_text(f"{before}{BEGIN}\n\n{table(cells, outcomes)}\n\n{END}{after}")
