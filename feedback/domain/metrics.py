"""Values that a client measured of an answer, such as whether its tests passed."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_METRICS = 20
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")

MetricValue = bool | int | float


@dataclass(frozen=True, slots=True)
class RewardedMetric:
    """A measurement that says how good an answer was: a share in [0, 1], where true is 1 and false 0.

    ``weight`` is relative to that of the stars; ``is_good_when_high`` says which end is the good one.
    """

    weight: float
    is_good_when_high: bool


# What a program has checked weighs as much as a person's stars; what a person did in passing weighs half.
REWARDED: Mapping[str, RewardedMetric] = {
    "test_passed": RewardedMetric(weight=1.0, is_good_when_high=True),
    "accepted": RewardedMetric(weight=0.5, is_good_when_high=True),
    "user_retried": RewardedMetric(weight=0.5, is_good_when_high=False),
    "edit_distance": RewardedMetric(weight=0.5, is_good_when_high=False),
}


def problems(metrics: Mapping[Any, Any]) -> dict[str, str]:
    """Return what is wrong with which metric, by its name; empty when all can be kept, up to ``MAX_METRICS`` of them.

    A name is up to 64 lower-case letters, digits and underscores, a letter first; a value is a boolean or a finite
    number, and a share in [0, 1] where it is rewarded.
    """
    found = {str(name): _problem(name, value) for name, value in metrics.items()}
    return {name: problem for name, problem in found.items() if problem}


def _problem(name: Any, value: Any) -> str | None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return "Use a name of at most 64 of a-z, 0-9 and _, beginning with a letter."
    # Compared rather than converted: NaN compares false, and a long integer has no float.
    if not isinstance(value, bool | int | float) or not abs(value) <= sys.float_info.max:
        return "Use true, false or a finite number."
    if name in REWARDED and not 0 <= value <= 1:
        return "Use true, false or a number from 0 to 1."
    return None
