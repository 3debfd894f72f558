from pathlib import Path

import pytest

from faults import matrix, together
from faults.servers import Postgres


def nothing_is_started(_folder: Path) -> Postgres:
    raise AssertionError("a stack was begun")


def test_cells_that_need_a_stack_of_their_own_are_named_before_anything_is_started() -> None:
    # F3 has a setting of its own, B3c options of Redis', A7 no PostgreSQL.
    with pytest.raises(together.NeedsItsOwn, match="A7, B3c, F3"):
        next(together.run(matrix.chosen(["F3", "B1", "B3c", "A7"]), 1, store=nothing_is_started))


def test_cell_in_passing_is_lighter_and_asks_the_same() -> None:
    (cell,) = matrix.chosen(["D1"])
    passing = cell.in_passing()

    assert (passing.plan.concurrency, passing.plan.seconds, passing.harm_after_seconds) == (6, 2.0, 0.5)
    assert (passing.expect, passing.harm, passing.plan.models) == (cell.expect, cell.harm, cell.plan.models)
