"""What routing has to reach, and whether it does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.routing.bandit import BREAK_EVEN, JUDGED, Summed
from benchmarks.routing.full_information import CATEGORY_MEAN, PRODUCT
from benchmarks.routing.scores import Scored

# Of the predictor with full information, by pool: the least share of the area that must be closed, and the savings and
# recoveries that simpler means reached before it.
FULL_INFORMATION: Mapping[str, Mapping[str, float]] = {
    "paretobandit": {"area": 0.20, "saved_98": 0.975, "saved_100": 0.58},
    "llmrouter_uiuc": {"area": 0.33, "saved_98": 0.84, "saved_100": 0.82},
    "routellm-mmlu": {"area": 0.29, "saved_98": 0.40, "saved_100": 0.18, "apgr": 0.72},
    "routellm-gsm8k": {"area": 0.23, "saved_98": 0.22, "saved_100": 0.035, "apgr": 0.63},
}
BANDIT_POOLS = ("paretobandit", "llmrouter_uiuc")
GAIN, LAST_GAIN = 0.09, 0.12
# How far below the best fixed model a stream may end.
MOST_BELOW_FIXED = -0.02
_LABELS = {
    "area": "area closed",
    "saved_98": "saved at 98 % of the best model's quality",
    "saved_100": "saved at 100 % of the best model's quality",
    "apgr": "APGR",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal of one pool and the figure it came out at; all are shares."""

    pool: str
    goal: str
    target: float
    figure: float

    @property
    def is_reached(self) -> bool:
        # False for a figure that does not exist.
        return self.figure >= self.target


def judge(pool: str, scored: Sequence[Scored], streamed: Sequence[Summed]) -> list[Verdict]:
    """Judge every goal that applies to a pool. One that its authors never saw must hold against simpler means."""
    figures = {each.name: each.figures for each in scored}
    ours = figures[PRODUCT]
    found = [
        Verdict(pool, _LABELS[name], target, ours[name].value)
        for name, target in FULL_INFORMATION.get(pool, {}).items()
    ]
    found.append(
        Verdict(
            pool, "area closed, at least the category mean's", figures[CATEGORY_MEAN]["area"].value, ours["area"].value
        )
    )
    return found + [verdict for each in streamed for verdict in _judge_stream(pool, each)]


def _judge_stream(pool: str, streamed: Summed) -> list[Verdict]:
    if streamed.way != JUDGED.name:
        return []
    where = f"{streamed.way}, {streamed.grid} prices"
    found = []
    if pool in BANDIT_POOLS:
        found.append(Verdict(pool, f"gain over the stream ({where})", GAIN, streamed.gain))
        found.append(Verdict(pool, f"gain over its last 30 % ({where})", LAST_GAIN, streamed.last_gain))
    if streamed.grid == BREAK_EVEN:
        worth = streamed.mean("relative_worth")
        found.append(Verdict(pool, f"worth against the best fixed model ({where})", MOST_BELOW_FIXED, worth))
        found.append(Verdict(pool, f"… at the worst of the prices ({where})", MOST_BELOW_FIXED, streamed.worst_worth))
    return found
