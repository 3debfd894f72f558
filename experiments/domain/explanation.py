"""Decisions in words, for people who decide about models and not about statistics.

A p-value is nowhere turned into "the probability that an arm is better": it is none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.domain import metrics
from experiments.domain.comparisons import Comparison
from experiments.domain.guardrails import GuardrailResult
from experiments.domain.metrics import Metric
from experiments.domain.minima import Shortage
from experiments.domain.plan import ExperimentPlan


@dataclass(frozen=True, slots=True)
class Health:
    """Whether assignment and record worked.

    ``srm_p_value`` is the running p-value of the split, by which it is judged; ``chi_square_p_value`` that of this look
    alone, as other tools show it. ``effective_units``: how many units of equal weight would tell as much.
    """

    srm_p_value: float
    chi_square_p_value: float
    is_split_wrong: bool
    share_in_both_arms: float
    units: Mapping[str, int]
    effective_units: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the decision table reads.

    Attributes:
        cost: comparisons of the primary metric by (baseline, challenger), both ways round.
        guardrails: results by (arm, against), both ways round.
        units_needed: more units of all arms that would find the minimum effect on cost; None where unknown.
        is_final: the planned size is reached, or somebody ended the experiment.
        is_closed_early: somebody ended it before its planned size.
    """

    plan: ExperimentPlan
    primary: Metric
    health: Health
    shortages: tuple[Shortage, ...]
    cost: Mapping[tuple[str, str], Comparison]
    guardrails: Mapping[tuple[str, str], tuple[GuardrailResult, ...]]
    units_needed: int | None
    is_final: bool
    is_closed_early: bool


def wrong_split(facts: Facts) -> str:
    """Say that the arms' sizes do not fit their weights."""
    counts = ", ".join(f"{name} {count:,}" for name, count in facts.health.units.items())
    planned = ", ".join(f"{name} {weight:.0%}" for name, weight in facts.plan.weights.items())
    return (
        f"The split went wrong: {counts} units where {planned} were planned "
        f"(p {_p(facts.health.srm_p_value)}). Something loses units of one arm, so that the arms cannot be compared; "
        "find the cause and start a new experiment."
    )


def units_in_both_arms(facts: Facts) -> str:
    """Say that units changed arms."""
    return (
        f"{facts.health.share_in_both_arms:.1%} of the units were served by more than one arm, more than the 1% at "
        "which the arms can still be told apart; find out why assignment did not stick and start a new experiment."
    )


def too_little(facts: Facts) -> str:
    """Say what is missing before anything may be decided."""
    return f"Too early to judge: {_list([_shortage(shortage) for shortage in facts.shortages])}."


def guardrail_failed(failed: Sequence[Sequence[GuardrailResult]]) -> str:
    """Say which arms are worse than allowed, and by how much."""
    return " ".join(_sentence(_list([_failure(result) for result in results])) for results in failed)


def winner(facts: Facts, arm: str) -> str:
    """Say by how much the winner is cheaper and which margins it keeps."""
    costs = [_cost(facts, arm, other) for other in facts.plan.weights if other != arm]
    results = [result for (name, _), several in facts.guardrails.items() if name == arm for result in several]
    kept = list(dict.fromkeys(_label(result) for result in results if result.state == "passed"))
    unknown = list(dict.fromkeys(_label(result) for result in results if result.state == "not_measured"))
    sentences = [_sentence(_list(costs))]
    if kept:
        sentences.append(_sentence(f"{_list(kept)} {'stays' if len(kept) == 1 else 'stay'} within the margins"))
    if unknown:
        sentences.append(_sentence(f"{_list(unknown)} {'was' if len(unknown) == 1 else 'were'} not measured"))
    return " ".join(sentences)


def unproven(facts: Facts, arm: str, results: Sequence[GuardrailResult]) -> str:
    """Say that an arm is cheaper but has not been shown to be as good."""
    costs = [_cost(facts, arm, other) for other in facts.plan.weights if other != arm]
    waits = _list(list(dict.fromkeys(_doubt(result) for result in results)))
    ending = "The experiment is over without a winner" if facts.is_final else "The experiment goes on"
    return f"{_sentence(_list(costs))} {_sentence(f'But {waits}')} {ending}."


def no_difference(facts: Facts) -> str:
    """Say that the experiment ended without a difference in cost."""
    ending = "was ended before its planned size" if facts.is_closed_early else "reached its planned size"
    return f"The experiment {ending}, and no arm is cheaper than the others: {_intervals(facts)}."


def running(facts: Facts) -> str:
    """Say that cost is undecided so far and how much more it takes."""
    if facts.units_needed is None:
        more = ""
    elif facts.units_needed == 0:
        more = f" Enough units are in to find an effect of {facts.plan.min_effect:.0%}; a smaller one takes longer."
    else:
        more = f" About {facts.units_needed:,} more units would find an effect of {facts.plan.min_effect:.0%}."
    return f"Cost is undecided so far: {_intervals(facts)}.{more}"


def _intervals(facts: Facts) -> str:
    arms = [arm for arm in facts.plan.weights if arm != facts.plan.control]
    return _list([_cost(facts, arm, facts.plan.control) for arm in arms])


def _cost(facts: Facts, arm: str, other: str) -> str:
    comparison = facts.cost.get((other, arm))
    change = comparison.change if comparison is not None else None
    basis = " per request" if facts.primary is metrics.COST_PER_REQUEST else " for the same requests"
    if comparison is None or change is None:
        return f"the cost of {arm} cannot be compared with that of {other}"
    direction = "less" if change < 0 else "more"
    interval = _interval(facts.plan.alpha, *comparison.interval)
    return f"{arm} costs {abs(change):.1%} {direction} than {other}{basis}{interval}"


def _interval(alpha: float, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    return f" ({1 - alpha:.0%} interval {low:+.1%} to {high:+.1%})"


def _failure(result: GuardrailResult) -> str:
    return (
        f"{_label(result)} of {result.arm} is worse than that of {result.against} by more than the {_margin(result)} "
        f"allowed{_measured(result)}"
    )


def _doubt(result: GuardrailResult) -> str:
    label = _label(result)
    if result.state == "not_measured":
        return f"{label}, on which a guardrail was asked for, was not measured"
    if result.state == "failed":
        return _failure(result)
    if result.ratings_differ:
        return f"{label} cannot be judged, as requests of {result.arm} and {result.against} are not rated equally often"
    needed = f"; about {result.units_needed:,} more units would show it" if result.units_needed else ""
    return f"{label} is not yet shown to stay within {_margin(result)} of {result.against}{_measured(result)}{needed}"


def _measured(result: GuardrailResult) -> str:
    if result.change is None:
        return ""
    unit = "" if _is_relative(result) else " points"
    changes = [
        f"{100 * value:+.1f}{'%' if not unit else ''}"
        for value in (result.change, result.low, result.high)
        if value is not None
    ]
    return f" ({changes[0]}{unit}{f', interval {changes[1]} to {changes[2]}' if len(changes) == 3 else ''})"


def _margin(result: GuardrailResult) -> str:
    return f"{100 * result.guardrail.margin:g}{'%' if _is_relative(result) else ' points'}"


def _is_relative(result: GuardrailResult) -> bool:
    return metrics.GUARDS[result.guardrail.metric].is_relative


def _label(result: GuardrailResult) -> str:
    return metrics.GUARDS[result.guardrail.metric].label


def _shortage(shortage: Shortage) -> str:
    of_arm = f" in {shortage.arm}" if shortage.arm else ""
    return {
        "too_few_requests": f"{shortage.has:,.0f} of {shortage.needs:,.0f} requests",
        "too_few_units": f"{shortage.has:,.0f} of {shortage.needs:,.0f} units{of_arm}",
        "too_few_effective_units": (
            f"a few heavy units weigh too much{of_arm}, as if there were {shortage.has:.1f} of {shortage.needs:g} units"
        ),
        "too_early": f"{shortage.has:.1f} of {shortage.needs:g} hours",
        "costs_unknown": (
            f"the cost of {1 - shortage.has:.1%} of the requests{of_arm} is unknown, so give their models a price"
        ),
    }[shortage.reason_code]


def _p(value: float) -> str:
    return "< 0.0001" if value < 1e-4 else f"= {value:.4f}"


def _list(parts: Sequence[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
