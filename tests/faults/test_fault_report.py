"""What is kept and told of runs."""

from pathlib import Path

import pytest

from faults import matrix, report
from faults.cell import Cell, Outcome
from faults.load import Plan

CELLS = [Cell("A1", "database killed", Plan(("ok",))), Cell("A2", "database frozen", Plan(("ok",)))]
HELD = Outcome("A1", 1, [], 100, 60, 30.0)
VIOLATED = Outcome("A1", 2, ["I1: 1 x row is still pending: r1"], 1200, 70, 30.0)
TABLE = """\
| cell | fault | runs | held | requests | answered whole |
|---|---|---|---|---|---|
| A1 | database killed | 2 | 1 | 1,300 | 130 |
| A2 | database frozen | not run | | | |"""


def test_runs_that_are_kept_are_known_to_the_next_command(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "long.jsonl"
    for outcome in (HELD, VIOLATED):
        report.keep(path, outcome)

    assert report.read(path) == {("A1", 1): HELD, ("A1", 2): VIOLATED}
    assert report.read(tmp_path / "none.jsonl") == {}


def test_table_names_every_cell_also_those_not_run() -> None:
    assert report.table(CELLS, [HELD, VIOLATED]) == TABLE


def test_table_is_put_between_its_marks_and_nowhere_else(tmp_path: Path) -> None:
    document = tmp_path / "FAULTS.md"
    document.write_text("before\n<!-- results -->\nold\n<!-- end of results -->\nafter\n")

    report.write(document, CELLS, [HELD, VIOLATED])

    assert document.read_text() == f"before\n<!-- results -->\n\n{TABLE}\n\n<!-- end of results -->\nafter\n"
    document.write_text("no marks")
    with pytest.raises(report.NoPlace):
        report.write(document, CELLS, [HELD])


def test_line_of_a_run_names_each_problem() -> None:
    assert report.line(VIOLATED, "database killed").split("\n")[1:] == ["        I1: 1 x row is still pending: r1"]


def test_cell_that_cannot_happen_here_is_told_as_not_run_and_counts_for_nothing() -> None:
    left_out = Outcome("A2", 1, [], 0, 0, 0.0, not_run="no file system may be mounted")

    assert report.line(left_out, "database frozen").endswith("not run  no file system may be mounted")
    assert report.table(CELLS, [HELD, VIOLATED, left_out]) == TABLE


def test_cells_are_chosen_by_the_beginning_of_their_names() -> None:
    chosen = [cell.name for cell in matrix.chosen(["A3", "E1"])]

    assert chosen == ["A3a", "A3b", "A3c", "A3d", "E1"]
    assert matrix.chosen([]) == list(matrix.CELLS)
    with pytest.raises(matrix.UnknownCell):
        matrix.chosen(["A", "Z9"])


def test_cells_have_names_of_their_own() -> None:
    names = [cell.name for cell in matrix.CELLS]

    assert len(set(names)) == len(names)
