"""Several cells on one stack, one after the other: what the tests can afford of them.

What a cell leaves behind stays: the invariants are held against all that has been asked so far, by every cell.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from django.db import connections

from faults import cell as cells
from faults.cell import Cell, Outcome, Store
from faults.load import Seen
from faults.stack import Stack

# Far more than there are cells, so that no two of any seeds ask the same.
_SEEDS_APART = 1000


class NeedsItsOwn(Exception):
    """The cell needs a stack that is set up for it."""


def run(chosen: Sequence[Cell], seed: int, *, store: Store) -> Iterator[Outcome]:
    """Run the cells and yield what each came to, a worker and beat left out.

    Raises:
        NeedsItsOwn: One has settings of its own, or no PostgreSQL.
        CannotHappenHere: What one of them needs is not there.
    """
    if own := [cell.name for cell in chosen if cell.settings or cell.redis_options or cell.on_sqlite]:
        raise NeedsItsOwn(f"Each of these needs a stack of its own: {', '.join(own)}.")
    # Clocks that are true until a cell sets them.
    offsets = (0, 0) if any(cell.clock_offsets for cell in chosen) else ()
    with tempfile.TemporaryDirectory(prefix="faults-together-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        stack = Stack(folder, store(folder), clock_offsets=offsets)
        try:
            with stack:
                earlier: list[Seen] = []
                for number, cell in enumerate(chosen):
                    yield _outcome(cell, stack, seed, number, earlier)
                    earlier += stack.seen
        finally:
            connections.close_all()


def _outcome(cell: Cell, stack: Stack, seed: int, number: int, earlier: Sequence[Seen]) -> Outcome:
    began_at = time.monotonic()
    stack.seen, stack.problems, stack.killed, stack.unreachable = [], [], set(), set()
    try:
        own = cells.play(cell, stack, seed * _SEEDS_APART + number, is_warm=number > 0)
    except Exception as error:
        return cells.broken_off(cell, seed, error)
    problems = cells.problems(cell, replace(own, seen=[*earlier, *own.seen]), own)
    answered = sum(seen.is_whole for seen in own.seen)
    return Outcome(cell.name, seed, problems, len(own.seen), answered, time.monotonic() - began_at)
