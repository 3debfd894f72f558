"""A Bayesian linear model of quality that all models share in part.

The quality of model m on prompt i is ``level + x_i (u + v_m) + noise``: ``u`` is how a regressor changes quality
whatever the model, ``v_m`` what it changes beyond that for one model. Both have normal priors with mean zero whose
scales differ by block of regressors (``scale_search`` finds them). Given the scales the posterior is normal and exact
(Lindley and Smith 1972). Its normal equations have the shape of an arrow, ``u`` at its head: eliminating each ``v_m``
leaves equations in ``u`` alone (Schur complement), so that the work grows linearly with the number of models.
"""

from dataclasses import dataclass

import numpy as np
import scipy


@dataclass(frozen=True, slots=True)
class NormalEquations:
    """``grams`` [models or 1, p, p]: X'WX, one where all models were seen equally; ``moments`` [p, models]: X'Wy."""

    grams: np.ndarray
    moments: np.ndarray

    def __add__(self, other: "NormalEquations") -> "NormalEquations":
        return NormalEquations(self.grams + other.grams, self.moments + other.moments)

    def __sub__(self, other: "NormalEquations") -> "NormalEquations":
        return NormalEquations(self.grams - other.grams, self.moments - other.moments)


@dataclass(frozen=True, slots=True)
class Scales:
    """Prior standard deviations of regressors' weights over the noise's, positive: ``common`` of u, ``own`` of v."""

    common: np.ndarray
    own: np.ndarray


def normal_equations(
    regressors: np.ndarray, centered: np.ndarray, weight: np.ndarray, *, is_complete: bool
) -> NormalEquations:
    """Return the sums that the posterior depends on.

    Args:
        regressors: [n, p].
        centered: Quality less its level [n, models].
        weight: [n, models], 0 where nothing was seen.
        is_complete: Whether all weights are equal.
    """
    moments = regressors.T @ (weight * centered)
    columns = 1 if is_complete else weight.shape[1]
    grams = [regressors.T @ (weight[:, column, None] * regressors) for column in range(columns)]
    return NormalEquations(np.stack(grams), moments)


def posterior_mean(equations: NormalEquations, scales: Scales) -> np.ndarray:
    """Return the mean weights ``u + v_m`` of each model [p, models]."""
    return _Elimination.of(equations, scales).weights(equations)


def posterior_covariances(equations: NormalEquations, scales: Scales) -> np.ndarray:
    """Return the covariance of each model's weights over the noise's variance [models or 1, p, p]."""
    found = _Elimination.of(equations, scales)
    identity = np.eye(len(scales.common))
    rest = identity - found.own @ equations.grams
    covariances: np.ndarray = found.own + rest @ found.common @ rest.transpose(0, 2, 1)
    return covariances


@dataclass(frozen=True, slots=True)
class _Elimination:
    """``own`` [models or 1, p, p]: covariance of v_m given u; ``common`` [p, p]: covariance of u."""

    own: np.ndarray
    common: np.ndarray

    @classmethod
    def of(cls, equations: NormalEquations, scales: Scales) -> "_Elimination":
        inverses = np.stack([_inverse_of_one_more(gram, scales.own) for gram in equations.grams])
        own = scales.own[:, None] * inverses * scales.own
        # What a model's outcomes say of u once its v is eliminated: G - G own G, which is this without its products.
        left = (np.eye(len(scales.own)) - inverses).sum(0) / scales.own[:, None] / scales.own
        repeated = equations.moments.shape[1] // len(equations.grams)
        common = _inverse_of_one_more(repeated * left, scales.common)
        return cls(own, scales.common[:, None] * common * scales.common)

    def weights(self, equations: NormalEquations) -> np.ndarray:
        """Return u + v_m [p, models]."""
        grams, moments = equations.grams, equations.moments
        by_model = moments.T[:, :, None]
        reduced = by_model - grams @ (self.own @ by_model)
        common = self.common @ reduced.sum(0)
        own = self.own @ (by_model - grams @ common)
        total: np.ndarray = (common + own)[:, :, 0].T
        return total


def _inverse_of_one_more(gram: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return (diag(scale) gram diag(scale) + 1)^-1; ``gram`` is positive semidefinite but for rounding."""
    factor, failed = scipy.linalg.lapack.dpotrf(scale[:, None] * gram * scale + np.eye(len(scale)), lower=1)
    if not failed:
        lower, failed = scipy.linalg.lapack.dpotri(factor, lower=1)
    if failed:
        raise np.linalg.LinAlgError("The normal equations are not positive definite.")
    # Above the diagonal there are zeros.
    inverse: np.ndarray = lower + lower.T
    inverse[np.diag_indices(len(scale))] /= 2
    return inverse
