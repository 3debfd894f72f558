"""Whether a candidate policy may take over, from recorded figures alone, so that every verdict can be computed again.

All figures are plain JSON as an evaluation keeps them. Bounds are one-sided 95 % bounds of the doubly robust estimate
of the difference, candidate less active policy, on the same decisions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from learning.domain.off_policy import DR, SNIPS
from learning.domain.policy_scores import COST, QUALITY

PROMOTED, EXPERIMENT, HELD, REJECTED = "promoted", "experiment", "held", "rejected"
# A candidate may be better instead of cheaper, if it costs at most this share more than the active policy.
COST_TOLERANCE = 0.01
MAX_WITHDRAWN_SHARE = 0.1
# Where the traffic of four weeks holds this many decisions of this many users, an experiment can decide: 50 users in
# each arm tell a tenth of the cost apart nearly always.
EXPERIMENT_DAYS = 28
EXPERIMENT_DECISIONS_PER_WEEK = 500
EXPERIMENT_USERS = 100
# A candidate that evidence could not carry in this time was trained on what is no longer so.
MAX_AGE_DAYS = 56

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of the gate; ``is_fatal`` where failing it ends the candidate rather than letting it wait."""

    name: str
    held: bool
    text: str
    is_fatal: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """The verdict and everything it came from, in the order it is told."""

    verdict: str
    conditions: tuple[Condition, ...]


def judge(*, estimates: Json, overlap: Json, facts: Json) -> Gate:
    """Judge a candidate.

    All conditions held: ``experiment`` where traffic can decide one within four weeks, else ``promoted``. A fatal
    condition not held: ``rejected``. Otherwise ``held``: the evidence does not say enough yet.

    Args:
        estimates: By kind of outcome, by ``target``, ``active`` and ``difference``, by estimator.
        overlap: Fields of ``overlap.Overlap``, with ``is_reliable``, ``reason`` and ``withdrawn_share``.
        facts: ``content_problem``, ``predictor``, ``active_changed``, ``age_days``, ``quality_margin``, ``traffic``.
    """
    conditions = [_content(facts), _age(facts), _predictor(facts), _evidence(overlap)]
    if overlap["is_reliable"]:
        margin = facts["quality_margin"]
        conditions += [_agreement(estimates), _quality(estimates, margin), _cost(estimates), _offered(overlap)]
    conditions.append(_standing(facts))
    return Gate(_verdict(conditions, facts), tuple(conditions))


def can_experiment(traffic: Json) -> bool:
    """Whether four weeks of such traffic are enough for an experiment."""
    wanted = EXPERIMENT_DECISIONS_PER_WEEK * EXPERIMENT_DAYS / 7
    return bool(traffic["decisions"] >= wanted and traffic["users"] >= EXPERIMENT_USERS)


def _verdict(conditions: list[Condition], facts: Json) -> str:
    if any(condition.is_fatal and not condition.held for condition in conditions):
        return REJECTED
    if not all(condition.held for condition in conditions):
        return HELD
    return EXPERIMENT if can_experiment(facts["traffic"]) else PROMOTED


def _content(facts: Json) -> Condition:
    problem = facts["content_problem"]
    text = problem or "The candidate is byte for byte what was published, and loads."
    return Condition("content", not problem, text, is_fatal=True)


def _age(facts: Json) -> Condition:
    days = facts["age_days"]
    is_young = days <= MAX_AGE_DAYS
    text = f"The candidate is {days} days old; after {MAX_AGE_DAYS} days without enough evidence it is given up."
    return Condition("age", is_young, text, is_fatal=True)


def _predictor(facts: Json) -> Condition:
    predictor = facts["predictor"]
    if predictor is None:
        return Condition("predictor", True, "There are no held-out figures of a predictor to look at.")
    error, simple = predictor["error"], predictor["category_means_error"]
    if error is None or simple is None:
        text = "The predictor's error on what it had not seen is not a finite number."
        return Condition("predictor", False, text, is_fatal=True)
    text = f"On what it had not seen the predictor's squared error is {error:.4f}, that of category means {simple:.4f}."
    return Condition("predictor", error <= simple, text, is_fatal=True)


def _evidence(overlap: Json) -> Condition:
    if not overlap["is_reliable"]:
        return Condition("evidence", False, overlap["reason"])
    return Condition(
        "evidence",
        True,
        f"{overlap['decisions']} rated decisions of {overlap['clusters']} users weigh as "
        f"{overlap['effective_decisions']:.0f} for the candidate.",
    )


def _agreement(estimates: Json) -> Condition:
    """Two estimators that err in different ways should not contradict each other."""
    apart = [
        kind for kind in (QUALITY, COST) if not _overlapping(*(estimates[kind]["difference"][e] for e in (DR, SNIPS)))
    ]
    text = "The two estimators agree within their intervals."
    if apart:
        text = f"The two estimators contradict each other on {' and '.join(apart)}."
    return Condition("agreement", not apart, text)


def _quality(estimates: Json, margin: float) -> Condition:
    difference = estimates[QUALITY]["difference"][DR]
    least, most = _bound(difference, "at_least"), _bound(difference, "at_most")
    if least is None or most is None:
        return Condition("quality", False, "The difference in quality has no interval.")
    text = (
        f"Quality differs by {difference['value']:+.4f}, with 95 % confidence by {least:+.4f} at least; "
        f"{-margin:+.4f} is the most that may be lost."
    )
    # Surely worse by more than the margin ends it; not surely good enough lets it wait for more evidence.
    return Condition("quality", least >= -margin, text, is_fatal=most < -margin)


def _cost(estimates: Json) -> Condition:
    cost, quality = (estimates[kind]["difference"][DR] for kind in (COST, QUALITY))
    most, least = _bound(cost, "at_most"), _bound(cost, "at_least")
    active = estimates[COST]["active"][DR]
    if most is None or least is None or active is None:
        return Condition("cost", False, "The difference in cost has no interval.")
    better = _bound(quality, "at_least")
    is_worth_it = most < 0 or (better is not None and better > 0 and most <= COST_TOLERANCE * active["value"])
    text = (
        f"Cost differs by {cost['value']:+.9f} USD a request, with 95 % confidence by {most:+.9f} at most; the active "
        f"policy's is {active['value']:.9f}. It must be less, or quality surely higher at the same cost."
    )
    best = _bound(quality, "at_most")
    is_hopeless = least >= 0 and (best is None or best <= 0 or least > COST_TOLERANCE * active["value"])
    return Condition("cost", is_worth_it, text, is_fatal=is_hopeless)


def _offered(overlap: Json) -> Condition:
    share = overlap["withdrawn_share"]
    text = f"{share:.1%} of its choices are models no longer open to routing; at most {MAX_WITHDRAWN_SHARE:.0%} may be."
    return Condition("offered", share <= MAX_WITHDRAWN_SHARE, text)


def _standing(facts: Json) -> Condition:
    changed = facts["active_changed"]
    text = "The active policy is the one it was compared with."
    if changed:
        text = "The active policy changed while this was computed; the next evaluation compares with the new one."
    return Condition("standing", not changed, text)


def _overlapping(one: Json | None, other: Json | None) -> bool:
    bounds = [_bound(each, end) for each in (one, other) for end in ("low", "high")]
    if any(bound is None for bound in bounds):
        return False
    low, high, other_low, other_high = (bound for bound in bounds if bound is not None)
    return low <= other_high and other_low <= high


def _bound(estimate: Json | None, name: str) -> float | None:
    return None if estimate is None else estimate[name]
