"""The decision table: the first row that applies decides."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from experiments.domain import explanation
from experiments.domain.comparisons import Comparison
from experiments.domain.explanation import Facts
from experiments.domain.guardrails import GuardrailResult

Status = Literal["srm_detected", "insufficient_data", "guardrail_failed", "winner", "no_difference", "running"]
# Seen by more than this share of units, two arms no longer differ in what their units saw.
LARGEST_SHARE_IN_BOTH_ARMS = 0.01


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from the data; ``reason_code`` says which row of the table, ``explanation`` says it in words."""

    status: Status
    winner: str | None
    reason_code: str
    explanation: str


def decide(facts: Facts) -> Decision:
    """Return the first decision of the table that applies."""
    return _wrong_split(facts) or _too_little(facts) or _guardrail_failed(facts) or _winner(facts) or _no_winner(facts)


def _wrong_split(facts: Facts) -> Decision | None:
    if facts.health.is_split_wrong:
        return Decision("srm_detected", None, "sample_ratio_mismatch", explanation.wrong_split(facts))
    if facts.health.share_in_both_arms > LARGEST_SHARE_IN_BOTH_ARMS:
        return Decision("srm_detected", None, "units_in_both_arms", explanation.units_in_both_arms(facts))
    return None


def _too_little(facts: Facts) -> Decision | None:
    if facts.shortages:
        code = facts.shortages[0].reason_code
        return Decision("insufficient_data", None, code, explanation.too_little(facts))
    return None


def _guardrail_failed(facts: Facts) -> Decision | None:
    control = facts.plan.control
    failed = [
        [result for result in facts.guardrails[arm, control] if result.state == "failed"]
        for arm in facts.plan.weights
        if arm != control
    ]
    # With several treatments the experiment goes on while one of them keeps its margins.
    if not all(failed):
        return None
    code = f"{failed[0][0].guardrail.metric}_worse"
    return Decision("guardrail_failed", None, code, explanation.guardrail_failed(failed))


def _winner(facts: Facts) -> Decision | None:
    for arm in facts.plan.weights:
        others = [other for other in facts.plan.weights if other != arm]
        if is_cheapest(facts, arm) and not any(blocking(facts.guardrails, arm, other) for other in others):
            return Decision("winner", arm, "cheaper_within_margins", explanation.winner(facts, arm))
    return None


def _no_winner(facts: Facts) -> Decision:
    cheapest = next((arm for arm in facts.plan.weights if is_cheapest(facts, arm)), None)
    status: Status = "no_difference" if facts.is_final else "running"
    if cheapest is not None:
        others = [other for other in facts.plan.weights if other != cheapest]
        results = [result for other in others for result in blocking(facts.guardrails, cheapest, other)]
        return Decision(status, None, "guardrails_undecided", explanation.unproven(facts, cheapest, results))
    if facts.is_final:
        code = "closed_early" if facts.is_closed_early else "planned_size_reached"
        return Decision(status, None, code, explanation.no_difference(facts))
    return Decision(status, None, "cost_undecided", explanation.running(facts))


def is_cheapest(facts: Facts, arm: str) -> bool:
    """Say whether ``arm`` is significantly cheaper than each of the others.

    Among equal arms the first is the less likely to beat the second the more of them there are, hence the level of a
    pair needs no correction for their number.
    """
    others = [other for other in facts.plan.weights if other != arm]
    return all(_is_cheaper(facts.cost.get((other, arm)), facts.plan.alpha) for other in others)


def blocking(
    guardrails: Mapping[tuple[str, str], tuple[GuardrailResult, ...]], arm: str, against: str
) -> list[GuardrailResult]:
    """Return what keeps ``arm`` from winning against another."""
    return [result for result in guardrails[arm, against] if result.blocks]


def _is_cheaper(comparison: Comparison | None, alpha: float) -> bool:
    return comparison is not None and comparison.is_lower(alpha)
