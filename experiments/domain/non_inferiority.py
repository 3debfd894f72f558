"""Is an arm not worse than another by more than a margin?

Judged by the same interval that is shown: the arm passes when its whole interval lies on the good side of the margin,
and fails when it lies on the bad side. With a two-sided interval of 95 % each of these errs in 2.5 % of cases, which is
what ICH E9 (1998), section 5.5, asks of non-inferiority.
"""

import math
from typing import Literal

from experiments.domain.metrics import Scale

State = Literal["passed", "failed", "undecided", "not_measured"]


def worst_effect(margin: float, better: Literal["lower", "higher"], scale: Scale) -> float:
    """Return the effect on ``scale`` at which the margin begins: positive where lower is better, else negative."""
    if scale == "log":
        return math.log1p(margin) if better == "lower" else math.log1p(-margin)
    return margin if better == "lower" else -margin


def judge(low: float | None, high: float | None, worst: float, better: Literal["lower", "higher"]) -> State:
    """Compare the interval from ``low`` to ``high`` (None: unbounded) with the ``worst`` effect allowed."""
    if better == "higher":
        # Turned round, so that lower is better.
        low, high, worst = (None if high is None else -high), (None if low is None else -low), -worst
    if high is not None and high < worst:
        return "passed"
    return "failed" if low is not None and low > worst else "undecided"
