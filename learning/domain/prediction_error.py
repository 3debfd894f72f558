"""How wrong predictions are about what routing asks of them: which model is better on a prompt, and by how much."""

import numpy as np

from learning.domain.training_set import OutcomeTable

# What the level of quality counts beside the differences between models: it decides nothing but absolute floors.
LEVEL_SHARE = 0.2
# With fewer prompts than this share on which several models were seen, differences cannot be judged.
_LEAST_COMPARED = 0.2


def differences(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return what each value is above the weighted mean of its prompt's seen models [n, models], 0 where not seen."""
    seen = weight > 0
    means = (values * weight).sum(1, keepdims=True) / np.maximum(weight.sum(1, keepdims=True), 1e-300)
    return np.where(seen, values - means, 0.0)


def relative(errors: np.ndarray, outcomes: OutcomeTable, level: float) -> float:
    """Return the squared error of predictions relative to predicting one number for all.

    Of differences between models, plus ``LEVEL_SHARE`` of that of the level. Where every model was seen on every
    prompt, each pair of models counts by its own relative error, so that a pair that differs on few prompts is heard.

    Args:
        errors: Outcomes less predictions [n, models]; what was not seen is ignored.
        level: The mean outcome.
    """
    weight = outcomes.weight
    centered = outcomes.quality - level
    of_level = _sum_of_squares(errors, weight) / max(_sum_of_squares(centered, weight), 1e-12)
    compared = ((weight > 0).sum(1) > 1)[:, None]
    if compared.mean() < _LEAST_COMPARED:
        return of_level
    if outcomes.is_complete:
        return _of_pairs(errors, centered) + LEVEL_SHARE * of_level
    both = np.where(compared, weight, 0.0)
    of_differences = _sum_of_squares(differences(errors, weight), both) / max(
        _sum_of_squares(differences(centered, weight), both), 1e-12
    )
    return of_differences + LEVEL_SHARE * of_level


def gram(errors: list[np.ndarray], weight: np.ndarray) -> np.ndarray:
    """Return the matrix A for which w'Aw is the squared error of the blend of predictions with shares w.

    Args:
        errors: Of each prediction, outcomes less predictions [n, models].
    """
    compared = np.where(((weight > 0).sum(1) > 1)[:, None], weight, 0.0)
    of_level = np.stack([(np.sqrt(weight) * error).ravel() for error in errors])
    of_differences = np.stack([(np.sqrt(compared) * differences(error, weight)).ravel() for error in errors])
    matrix: np.ndarray = of_differences @ of_differences.T + LEVEL_SHARE * (of_level @ of_level.T)
    return matrix


def mean_square(errors: np.ndarray, weight: np.ndarray) -> float:
    """Return the weighted mean squared error."""
    return _sum_of_squares(errors, weight) / max(float(weight.sum()), 1e-12)


def _sum_of_squares(values: np.ndarray, weight: np.ndarray) -> float:
    return float((weight * values * values).sum())


def _of_pairs(errors: np.ndarray, centered: np.ndarray) -> float:
    of_errors, of_outcomes = _pair_squares(errors), _pair_squares(centered)
    upper = np.triu_indices(errors.shape[1], 1)
    return float((of_errors / (of_outcomes + 1e-9))[upper].mean())


def _pair_squares(values: np.ndarray) -> np.ndarray:
    """Return the mean squared difference of each pair of columns."""
    products = values.T @ values / len(values)
    squares: np.ndarray = np.diag(products)[:, None] + np.diag(products) - 2 * products
    return squares
