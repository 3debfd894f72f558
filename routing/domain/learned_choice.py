"""What the active policy would choose, and how sure of it one may be."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from routing.domain.candidates import by_cost
from routing.domain.catalog import Candidate
from routing.domain.policy import Override, RoutingPolicy
from routing.domain.situation import Choice, Floor, Situation

# A choice between fewer models is none.
LEAST_KNOWN = 2
# How far above the floor the lower bound of a choice lies that is made with high confidence.
CLEAR_MARGIN = 0.02
# How far the lower bound of a choice lies below its mean at most, at high and at medium confidence.
SURE_WITHIN, USABLE_WITHIN = 0.1, 0.25
# Of the override's confidences, those that may change routing.
_USABLE = ("high", "medium")


@dataclass(frozen=True, slots=True)
class Unlearned:
    """Nothing learned applies; ``reason`` says why in words."""

    reason: str


def choose(situation: Situation) -> Choice | Unlearned:
    """Choose by the predictor where it knows at least two candidates, else by the table. ``situation`` is informed.

    By the predictor, where somebody named a floor (the request, else the team, else the policy): the cheapest candidate
    whose lower bound clears it; where none does, the one with the best mean. A minimum of the request that even the
    best mean misses is left to the rule for what has not been learned. Its confidence is

    - high: the lower bound is at least 0.02 above the floor, and at least half of the candidates are known;
    - medium: the lower bound clears the floor;
    - low: none does.

    Where nobody did: the candidate that is worth most, its mean quality less its expected cost over the policy's
    ``usd_per_quality``. Its confidence says how well the quality of the chosen model is known: high while the lower
    bound is at most 0.1 below the mean and at least half of the candidates are known, medium up to 0.25, else low.
    A policy without ``usd_per_quality`` holds a floor of ``tolerance`` below the best mean instead.

    By the table: the model that earned the pattern with high or medium confidence, while its ratings clear the floor.
    """
    policy = situation.policy
    if policy is None:
        return Unlearned("no learned policy is active yet")
    known = [candidate for candidate in situation.candidates if candidate.quality_lower is not None]
    if len(known) < LEAST_KNOWN:
        return _by_table(situation, policy)
    if situation.floor is None and policy.usd_per_quality is not None:
        return _by_worth(situation, known, policy.usd_per_quality)
    return _by_floor(situation, policy, known)


def worth(quality: float, candidate: Candidate, usd_per_quality: float) -> float:
    """Return a quality in [0, 1] less what the candidate's expected cost is worth in quality; least of all unpriced."""
    cost = candidate.expected_cost_usd
    return -math.inf if cost is None else quality - float(cost) / usd_per_quality


def forecast_floor(situation: Situation) -> Floor | None:
    """Return the floor that forecasts are held against; None without a policy or any forecast."""
    means = [_mean(candidate) for candidate in situation.candidates if candidate.quality_lower is not None]
    if situation.policy is None or not means:
        return None
    return situation.floor or _relative_floor(situation.policy, max(means))


def _by_worth(situation: Situation, known: Sequence[Candidate], usd_per_quality: float) -> Choice:
    # Of equally worthy ones the cheapest.
    chosen = min(
        known, key=lambda candidate: (-worth(_mean(candidate), candidate, usd_per_quality), by_cost(candidate))
    )
    doubt = _mean(chosen) - _lower(chosen)
    if doubt <= SURE_WITHIN and 2 * len(known) >= len(situation.candidates):
        confidence = "high"
    else:
        confidence = "medium" if doubt <= USABLE_WITHIN else "low"
    return Choice(
        chosen,
        confidence,
        f"{situation.features.pattern} prompt: of {len(known)} models the one whose predicted quality, "
        f"{_mean(chosen):.2f} and likely at least {_lower(chosen):.2f}, is most worth its cost",
    )


def _by_floor(situation: Situation, policy: RoutingPolicy, known: Sequence[Candidate]) -> Choice | Unlearned:
    # Of equally good ones the cheapest.
    best = min(known, key=lambda candidate: (-_mean(candidate), by_cost(candidate)))
    floor = situation.floor or _relative_floor(policy, _mean(best))
    clearing = [candidate for candidate in known if _lower(candidate) >= floor.quality]
    if clearing:
        chosen = min(clearing, key=by_cost)
        is_sure = _lower(chosen) >= floor.quality + CLEAR_MARGIN and 2 * len(known) >= len(situation.candidates)
        return Choice(chosen, "high" if is_sure else "medium", _clearing_reason(situation, chosen, clearing, floor))
    if floor.is_firm and _mean(best) < floor.quality:
        return Unlearned(f"no model is predicted to reach {floor.source} of {floor.quality:g}")
    return Choice(
        best,
        "low",
        f"{situation.features.pattern} prompt: no model surely clears {floor.source} of {floor.quality:.2f}, so the "
        f"one with the best predicted quality, {_mean(best):.2f}",
    )


def _clearing_reason(situation: Situation, chosen: Candidate, clearing: Sequence[Candidate], floor: Floor) -> str:
    options = f"cheapest of {len(clearing)} models that clear" if len(clearing) > 1 else "the only model that clears"
    return (
        f"{situation.features.pattern} prompt: {options} {floor.source} of {floor.quality:.2f}, predicted quality "
        f"{_mean(chosen):.2f}, likely at least {_lower(chosen):.2f}"
    )


def _by_table(situation: Situation, policy: RoutingPolicy) -> Choice | Unlearned:
    pattern = situation.features.pattern
    override = policy.overrides.get(pattern)
    if override is None or override.confidence not in _USABLE:
        return Unlearned(f"no model has earned {pattern} prompts yet")
    found = [candidate for candidate in situation.candidates if candidate.model.full_name == override.full_name]
    if not found:
        return Unlearned(f"{override.full_name}, which earned {pattern} prompts, cannot serve this one")
    floor = situation.floor
    if floor is not None and override.expected_quality < floor.quality:
        return Unlearned(f"the ratings of {override.full_name} miss {floor.source} of {floor.quality:g}")
    return Choice(found[0], override.confidence, _table_reason(override))


def _table_reason(override: Override) -> str:
    correct = "" if override.correctness_rate is None else f", {override.correctness_rate:.0%} correct"
    return (
        f"{override.pattern} prompt: {override.full_name} earned it with {override.avg_quality:.1f} stars over "
        f"{override.sample_count} ratings{correct} ({override.confidence} confidence)"
    )


def _relative_floor(policy: RoutingPolicy, best_mean: float) -> Floor:
    return Floor(best_mean - policy.tolerance, f"the floor {policy.tolerance:g} below the best", False)


def _mean(candidate: Candidate) -> float:
    assert candidate.expected_quality is not None
    return candidate.expected_quality


def _lower(candidate: Candidate) -> float:
    assert candidate.quality_lower is not None
    return candidate.quality_lower
