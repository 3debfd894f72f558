"""All cells."""

import re
from collections.abc import Sequence

from faults.cell import Cell
from faults.cells import (
    clients,
    database,
    deceit,
    gadgets,
    hostile,
    limits,
    live,
    outsiders,
    processes,
    providers,
    readers,
    redis,
    retraining,
    schedules,
    storage,
    tenants,
    time,
    trials,
)


def _place(cell: Cell) -> tuple[str, int, str]:
    """Sort A2 before A10."""
    letter, number, rest = re.fullmatch(r"([A-Z])(\d+)(\w*)", cell.name).groups()  # type: ignore[union-attr]
    return letter, int(number), rest


_GROUPS = (
    database,
    redis,
    providers,
    clients,
    processes,
    outsiders,
    live,
    storage,
    readers,
    limits,
    time,
    hostile,
    schedules,
    tenants,
    trials,
    retraining,
    deceit,
    gadgets,
)
CELLS: tuple[Cell, ...] = tuple(sorted((cell for group in _GROUPS for cell in group.CELLS), key=_place))


class UnknownCell(LookupError):
    """No cell has a name that begins so."""


def chosen(names: Sequence[str]) -> list[Cell]:
    """Return the cells whose names begin with any of these, all without any; raises UnknownCell."""
    if unknown := [name for name in names if not any(cell.name.startswith(name) for cell in CELLS)]:
        raise UnknownCell(f"No cell begins with {', '.join(unknown)}; --list shows all.")
    return [cell for cell in CELLS if not names or any(cell.name.startswith(name) for name in names)]
