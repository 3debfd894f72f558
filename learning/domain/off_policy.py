"""What a policy would have been worth on decisions that another one made.

A logged decision is an action drawn with a known probability ``p`` (its propensity) and the outcome that followed. The
target policy would have taken the same action with probability ``π``; weighing each outcome by ``w = π / p`` makes the
log look like the target's own (inverse propensity scoring). From that follow

- IPS, ``Σ w y / n`` (Horvitz & Thompson 1952);
- SNIPS, ``Σ w y / Σ w``: self-normalized (Swaminathan & Joachims 2015, "The self-normalized estimator for
  counterfactual learning", equation 9); within the range of the outcomes, and steadier;
- DR, ``Σ d / n + Σ w (y - q) / Σ w`` with ``q`` what a model of the outcomes predicts for the logged action and ``d``
  its mean over the target's actions: doubly robust (Dudík, Langford & Li 2011, equation 1), its correction
  self-normalized (Thomas & Brunskill 2016, their weighted doubly robust estimator with one step). Right where either
  the propensities or the predictions are.

Weights are clipped (``overlap.clip``). How much was clipped is told, and too much of it is a reason not to believe the
result. All intervals are clustered by user (``cluster_jackknife``), for the answers of one user resemble each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from learning.domain import cluster_jackknife
from learning.domain.cluster_jackknife import Estimate, FloatArray, IntArray, Term
from learning.domain.overlap import Overlap, clip, doubt, measure

IPS, SNIPS, DR = "ips", "snips", "dr"
ESTIMATORS = (IPS, SNIPS, DR)
# By how much a probability that was added up from others may pass 1.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Odds:
    """How one policy would have decided where the log did; one entry for each decision.

    ``logged`` is its probability in [0, 1] of the action that was logged, ``unsupported`` that of actions the log could
    not have taken there.
    """

    logged: FloatArray
    unsupported: FloatArray


@dataclass(frozen=True, slots=True)
class Outcome:
    """One kind of outcome, observed and predicted; one entry for each decision.

    ``predicted`` is for the logged action; ``under_target`` and ``under_active`` are means over the actions of each
    policy. No prediction may come from the outcome of its own decision (``reward_model`` sees to that).
    """

    observed: FloatArray
    predicted: FloatArray
    under_target: FloatArray
    under_active: FloatArray


@dataclass(frozen=True, slots=True)
class Scores:
    """One kind of outcome by estimator; ``difference`` is target less active on the same decisions.

    An estimate is None where the policy takes none of the logged actions.
    """

    target: Mapping[str, Estimate | None]
    active: Mapping[str, Estimate | None]
    difference: Mapping[str, Estimate | None]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two policies on one log. While ``is_reliable`` is false no score means anything, and ``reason`` says why."""

    is_reliable: bool
    reason: str
    overlap: Overlap
    scores: Mapping[str, Scores]


def compare(
    *,
    clusters: IntArray,
    propensities: FloatArray,
    target: Odds,
    active: Odds,
    outcomes: Mapping[str, Outcome],
    is_clipped: bool = True,
) -> Comparison:
    """Score two policies and their difference on logged decisions.

    Args:
        clusters: Who asked, as numbers from 0 with none left out.
        propensities: The probability in (0, 1] with which each logged action had been taken.
        target: The policy in question.
        active: What it would replace.
        outcomes: By name, in any unit.
        is_clipped: False leaves the weights as they are, to see what clipping does.

    Raises:
        ValueError: Arrays differ in length, a propensity is not in (0, 1], a probability is not in [0, 1], or a value
            is not finite; the message names the array and the index.
    """
    _check(clusters, propensities, target, active, outcomes)
    weights = [odds.logged / propensities for odds in (target, active)]
    overlap = measure(clusters, target_weights=weights[0], active_weights=weights[1], target=target, active=active)
    why_not = doubt(overlap)
    if not len(clusters):
        return Comparison(False, why_not or "", overlap, {})
    used = [clip(each) for each in weights] if is_clipped else weights
    scores = {name: _scores(clusters, used[0], used[1], outcome) for name, outcome in outcomes.items()}
    return Comparison(why_not is None, why_not or "", overlap, scores)


def _scores(clusters: IntArray, target: FloatArray, active: FloatArray, outcome: Outcome) -> Scores:
    of_target = _terms(target, outcome, outcome.under_target)
    of_active = _terms(active, outcome, outcome.under_active)
    contrast = np.abs(target - active)
    return Scores(
        target={name: cluster_jackknife.estimate(of_target[name], clusters, sizes=[target]) for name in ESTIMATORS},
        active={name: cluster_jackknife.estimate(of_active[name], clusters, sizes=[active]) for name in ESTIMATORS},
        difference={
            name: cluster_jackknife.estimate(
                [*of_target[name], *(_negative(term) for term in of_active[name])],
                clusters,
                sizes=[target, active, contrast],
            )
            for name in ESTIMATORS
        },
    )


def _terms(weights: FloatArray, outcome: Outcome, under_policy: FloatArray) -> dict[str, list[Term]]:
    ones = np.ones(len(weights))
    weighted = weights * outcome.observed
    return {
        IPS: [Term(weighted, ones)],
        SNIPS: [Term(weighted, weights)],
        DR: [Term(under_policy, ones), Term(weights * (outcome.observed - outcome.predicted), weights)],
    }


def _negative(term: Term) -> Term:
    return Term(term.numerators, term.denominators, -term.sign)


def _check(
    clusters: IntArray, propensities: FloatArray, target: Odds, active: Odds, outcomes: Mapping[str, Outcome]
) -> None:
    groups: dict[str, Odds | Outcome] = {"target": target, "active": active, **outcomes}
    arrays = {
        f"{name}.{field.name}": getattr(group, field.name) for name, group in groups.items() for field in fields(group)
    }
    for name, values in {"propensities": propensities, **arrays}.items():
        if len(values) != len(clusters):
            raise ValueError(f"{name} has {len(values)} entries for {len(clusters)} decisions; give one for each.")
        _refuse(name, values, ~np.isfinite(values), "a finite number")
    _refuse("propensities", propensities, (propensities <= 0) | (propensities > 1 + _ROUNDING), "in (0, 1]")
    for name, odds in (("target", target), ("active", active)):
        for field in fields(odds):
            values = getattr(odds, field.name)
            _refuse(f"{name}.{field.name}", values, (values < 0) | (values > 1 + _ROUNDING), "in [0, 1]")


def _refuse(name: str, values: FloatArray, is_wrong: npt.NDArray[np.bool_], wanted: str) -> None:
    if is_wrong.any():
        index = int(np.argmax(is_wrong))
        raise ValueError(f"{name}[{index}] is {values[index]!r}; it must be {wanted}.")
