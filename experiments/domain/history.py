"""What one analysis hands to the next, as plain JSON: a snapshot row holds it.

Statistics over several looks depend on the looks before: the least p-value so far, and which share of the information
each look was taken at.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from experiments.domain import fixed, group_sequential, sequential
from experiments.domain.plan import ExperimentPlan

SCHEMA = 1
_ROUNDING = 1e-9
Rule = sequential.Anytime | group_sequential.Look | fixed.OneLook


class InvalidHistory(ValueError):
    """The stored state of an analysis cannot be read."""


@dataclass(frozen=True, slots=True)
class Record:
    """Of one comparison on one metric: least p-values on either side so far, and the interval of the last look."""

    p_below: float = 1.0
    p_above: float = 1.0
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class History:
    """State after a number of looks. ``records`` are keyed by baseline arm, challenger arm and metric."""

    looks: tuple[float, ...] = ()
    srm_p: float = 1.0
    records: Mapping[tuple[str, str, str], Record] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the state as JSON-able values."""
        records = [
            [*key, record.p_below, record.p_above, record.low, record.high] for key, record in self.records.items()
        ]
        return {"schema": SCHEMA, "looks": list(self.looks), "srm_p": self.srm_p, "records": records}


def parse(document: Mapping[str, Any] | None) -> History:
    """Read what ``as_json`` wrote; None is the state before the first look.

    Raises:
        InvalidHistory: for anything else, as going on from it would lose the looks that were already taken.
    """
    if document is None:
        return History()
    try:
        if document["schema"] != SCHEMA:
            raise InvalidHistory(f"The state of this experiment has the unknown schema {document['schema']!r}.")
        looks = tuple(_share(look) for look in document["looks"])
        records = {(row[0], row[1], row[2]): _record(row) for row in document["records"]}
        srm_p = _share(document["srm_p"])
    except (KeyError, IndexError, TypeError) as error:
        raise InvalidHistory(f"The state of this experiment is damaged: {error!r}.") from error
    if any(later <= earlier for earlier, later in pairwise(looks)):
        raise InvalidHistory("The looks of this experiment are not in order.")
    return History(looks, srm_p, records)


def next_look(plan: ExperimentPlan, history: History, requests: float) -> tuple[Rule | None, tuple[float, ...]]:
    """Return the rule that holds at this point and the looks with this one; None where none is due.

    A look is due at any time in the mode ``sequential``, once in ``fixed``, and in ``group_sequential`` whenever a
    hundredth of the planned size has come in since the last. Between looks the results of the last one stand.
    """
    if plan.effective_mode == "sequential":
        return sequential.Anytime(plan.alpha), ()
    assert plan.sample_size is not None
    fraction = min(1.0, requests / plan.sample_size)
    if plan.effective_mode == "fixed":
        is_due = fraction == 1 and not history.looks
        return (fixed.OneLook(plan.alpha), (1.0,)) if is_due else (None, history.looks)
    if not _is_due(fraction, history.looks[-1] if history.looks else 0.0):
        return None, history.looks
    looks = (*history.looks, fraction)
    return group_sequential.Look(plan.alpha, looks), looks


def _is_due(fraction: float, last: float) -> bool:
    step = group_sequential.SMALLEST_STEP - _ROUNDING
    # The last step, too, must be one that the quadrature resolves.
    return fraction - last >= step and (fraction == 1 or 1 - fraction >= step)


def _record(row: list[Any]) -> Record:
    return Record(_share(row[3]), _share(row[4]), _bound(row[5]), _bound(row[6]))


def _share(value: float) -> float:
    if not 0 <= value <= 1:
        raise InvalidHistory(f"The state of this experiment holds {value!r} where a number from 0 to 1 belongs.")
    return float(value)


def _bound(value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise InvalidHistory(f"The state of this experiment holds the bound {value!r}.")
    return value
