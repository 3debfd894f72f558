"""How much a log can say of a policy that did not write it, and when it says too little to be asked."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from learning.domain import cluster_jackknife
from learning.domain.cluster_jackknife import FloatArray, IntArray, Term, cluster_totals, effective_number

# As few as let a mean be told from another at all; below it every interval is wider than any margin asked for.
MIN_EFFECTIVE_DECISIONS = 50.0
# Below about ten clusters no cluster-robust interval holds its level (Cameron & Miller 2015, section VI).
MIN_EFFECTIVE_CLUSTERS = 10.0
# Of the decisions on which the two policies differ: what is at stake must itself have been seen often enough.
MIN_CONTRAST = 30.0
# The least share of logged decisions that the target could have made as well.
MIN_OVERLAP_SHARE = 0.1
# The most of the target's choices that the log could never have shown, beyond those of the active policy.
MAX_UNSUPPORTED_SHARE = 0.1
# The most of the weights' sum that clipping may take away.
MAX_CLIPPED_MASS = 0.05
# Weights average 1 where propensities are true. A mean this far off, and beyond chance, says that they are not.
MAX_IMBALANCE = 0.1
_BEYOND_CHANCE = 0.9995


class PolicyOdds(Protocol):
    """How one policy would have decided where the log did; one entry for each decision."""

    @property
    def logged(self) -> FloatArray: ...

    @property
    def unsupported(self) -> FloatArray: ...


@dataclass(frozen=True, slots=True)
class Overlap:
    """What the weights say of the evidence; shares are in [0, 1].

    Effective numbers are ``(Σ w)² / Σ w²``, of unclipped weights. ``contrast_…`` are of the decisions on which the
    target differs from the active policy: the smaller of the effective numbers of those it makes more often and of
    those it makes less often; infinite where the two policies never differ.
    """

    decisions: int
    clusters: int
    effective_decisions: float
    effective_clusters: float
    contrast_decisions: float
    contrast_clusters: float
    max_weight: float
    mean_weight: float
    imbalance: float
    is_imbalance_beyond_chance: bool
    clipping_limit: float
    clipped_share: float
    clipped_mass: float
    overlap_share: float
    unsupported_share: float


def clipping_limit(weights: FloatArray) -> float:
    """Return ``sqrt(n)`` times the mean weight, where weights are clipped.

    A bound that grows with the log bounds the variance while the bias vanishes (Ionides 2008, "Truncated importance
    sampling", section 2). Relative to the mean it does not depend on the weights' scale.
    """
    return float(np.sqrt(len(weights)) * weights.mean()) if len(weights) else 0.0


def clip(weights: FloatArray) -> FloatArray:
    """Return the weights, none above ``clipping_limit``."""
    return np.minimum(weights, clipping_limit(weights))


def measure(
    clusters: IntArray,
    *,
    target_weights: FloatArray,
    active_weights: FloatArray,
    target: PolicyOdds,
    active: PolicyOdds,
) -> Overlap:
    """Describe the evidence that a log holds on two policies. Weights are not yet clipped."""
    count = len(clusters)
    sizes = cluster_totals(target_weights, clusters)
    contrast = target_weights - active_weights
    limit = clipping_limit(target_weights)
    mass = float(target_weights.sum())
    mean = mass / count if count else 0.0
    expected = 1.0 - _mean(target.unsupported)
    return Overlap(
        decisions=count,
        clusters=len(sizes),
        effective_decisions=effective_number(target_weights),
        effective_clusters=effective_number(sizes),
        contrast_decisions=_of_both_sides(contrast, None),
        contrast_clusters=_of_both_sides(contrast, clusters),
        max_weight=float(target_weights.max(initial=0.0)),
        mean_weight=mean,
        imbalance=mean - expected,
        is_imbalance_beyond_chance=_is_beyond_chance(target_weights, clusters, expected),
        clipping_limit=limit,
        clipped_share=_mean(target_weights > limit),
        clipped_mass=1.0 - float(clip(target_weights).sum()) / mass if mass else 0.0,
        overlap_share=_mean(target.logged > 0),
        unsupported_share=_mean(np.maximum(target.unsupported - active.unsupported, 0.0)),
    )


def doubt(overlap: Overlap) -> str | None:
    """Return in words why the log cannot speak of the policy, None where it can."""
    if overlap.decisions == 0:
        return "There are no rated decisions to compare on."
    return next((sentence for is_doubtful, sentence in _doubts(overlap) if is_doubtful), None)


def _doubts(overlap: Overlap) -> list[tuple[bool, str]]:
    return [
        (
            overlap.overlap_share < MIN_OVERLAP_SHARE,
            f"The candidate could have made only {overlap.overlap_share:.1%} of the logged decisions; "
            f"{MIN_OVERLAP_SHARE:.0%} are needed.",
        ),
        (
            overlap.unsupported_share > MAX_UNSUPPORTED_SHARE,
            f"{overlap.unsupported_share:.1%} of what the candidate would choose was never tried where it would choose "
            f"it; at most {MAX_UNSUPPORTED_SHARE:.0%} may be. Let the active policy explore.",
        ),
        (
            overlap.effective_decisions < MIN_EFFECTIVE_DECISIONS,
            f"{overlap.decisions} decisions weigh as {overlap.effective_decisions:.1f} for the candidate; "
            f"{MIN_EFFECTIVE_DECISIONS:.0f} are needed.",
        ),
        (
            overlap.effective_clusters < MIN_EFFECTIVE_CLUSTERS,
            f"The decisions are of {overlap.clusters} users, who weigh as {overlap.effective_clusters:.1f}; "
            f"{MIN_EFFECTIVE_CLUSTERS:.0f} are needed.",
        ),
        (
            overlap.contrast_decisions < MIN_CONTRAST,
            f"Where the two policies differ, the log weighs as {overlap.contrast_decisions:.1f} decisions; "
            f"{MIN_CONTRAST:.0f} are needed. Let the active policy explore more or longer.",
        ),
        (
            overlap.contrast_clusters < MIN_EFFECTIVE_CLUSTERS,
            f"Where the two policies differ, the log weighs as {overlap.contrast_clusters:.1f} users; "
            f"{MIN_EFFECTIVE_CLUSTERS:.0f} are needed.",
        ),
        (
            overlap.clipped_mass > MAX_CLIPPED_MASS,
            f"Clipping takes {overlap.clipped_mass:.1%} of the evidence's weight; {MAX_CLIPPED_MASS:.0%} is allowed.",
        ),
        (
            abs(overlap.imbalance) > MAX_IMBALANCE and overlap.is_imbalance_beyond_chance,
            f"The weights average {overlap.mean_weight:.2f}, {overlap.imbalance:+.2f} off what true propensities give: "
            "the log does not hold the odds it was written with.",
        ),
    ]


def _of_both_sides(contrast: FloatArray, clusters: IntArray | None) -> float:
    if not contrast.any():
        return float("inf")
    sides = [np.maximum(contrast, 0.0), np.maximum(-contrast, 0.0)]
    return min(effective_number(side if clusters is None else cluster_totals(side, clusters)) for side in sides)


def _is_beyond_chance(weights: FloatArray, clusters: IntArray, expected: float) -> bool:
    if not len(weights):
        return False
    mean = cluster_jackknife.estimate([Term(weights, np.ones(len(weights)))], clusters)
    if mean is None or mean.standard_error is None:
        return False
    return abs(mean.value - expected) > mean.quantile(_BEYOND_CHANCE) * mean.standard_error


def _mean(values: FloatArray | npt.NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else 0.0
