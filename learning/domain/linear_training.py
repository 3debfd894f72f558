"""Fits the linear part of the predictor, and decides whether the words of the prompts help it."""

from dataclasses import dataclass

import numpy as np

from learning.domain import hierarchical_regression, prediction_error
from learning.domain.scale_search import CrossValidation, LogScales, first_scales
from learning.domain.training_set import OutcomeTable
from routing.domain.prompt_blocks import Blocks
from routing.domain.quality_predictor import LinearPart

# By how much the text must lessen the relative error: it costs every decision time, and traffic is often without it.
_LEAST_TEXT_GAIN = 0.001
# The constant, categories, surface and embedding.
_BLOCKS_WITHOUT_TEXT = 4


@dataclass(frozen=True, slots=True)
class LinearFit:
    """A fitted linear part, what it predicts out of fold [n, models], and whether it looks at the text."""

    part: LinearPart
    out_of_fold: np.ndarray
    uses_text: bool
    scales: LogScales


def fit(
    shares: np.ndarray,
    blocks: Blocks,
    outcomes: OutcomeTable,
    *,
    folds: np.ndarray,
    scales: LogScales | None = None,
) -> LinearFit:
    """Return the linear model of least cross-validated error.

    Args:
        shares: Of each category in each prompt [n, categories].
        blocks: The text's is empty where it cannot be used.
        scales: Those of an earlier fit, taken as they are; they are searched for where there are none, or where they
            ask for a text that cannot be used. The search takes most of the time.
    """
    level = float((outcomes.weight * outcomes.quality).sum() / outcomes.weight.sum())
    regressors = [np.ones((len(shares), 1)), shares, blocks.surface, blocks.embedding]
    has_text = bool(blocks.text.shape[1])
    if scales is not None and needs_text(scales) <= has_text:
        used = [*regressors, blocks.text] if needs_text(scales) else regressors
        known = CrossValidation(used, outcomes, level=level, folds=folds)
        return _fitted(known, scales, outcomes, level, blocks, needs_text(scales))
    found = CrossValidation(regressors, outcomes, level=level, folds=folds)
    scales, error = found.search(first_scales(len(regressors)))
    uses_text = False
    if has_text:
        with_text = CrossValidation([*regressors, blocks.text], outcomes, level=level, folds=folds)
        text_scales, text_error = with_text.search(scales.with_another_block())
        if text_error < error - _LEAST_TEXT_GAIN:
            found, scales, uses_text = with_text, text_scales, True
    return _fitted(found, scales, outcomes, level, blocks, uses_text)


def needs_text(scales: LogScales) -> bool:
    """Whether these scales are of a model that looks at the text."""
    return len(scales.common) > _BLOCKS_WITHOUT_TEXT


def _fitted(
    found: CrossValidation, scales: LogScales, outcomes: OutcomeTable, level: float, blocks: Blocks, uses_text: bool
) -> LinearFit:
    per_regressor = scales.per_regressor(found.block_of)
    weights = hierarchical_regression.posterior_mean(found.equations, per_regressor)
    out_of_fold = found.out_of_fold(scales)
    noise = prediction_error.mean_square(outcomes.quality - out_of_fold, outcomes.weight)
    covariances = noise * hierarchical_regression.posterior_covariances(found.equations, per_regressor)
    part = LinearPart(
        level=level,
        weights=weights,
        roots=_roots(covariances),
        text_variance=_text_variance(weights, blocks, uses_text),
    )
    return LinearFit(part, out_of_fold, uses_text, scales)


def _roots(covariances: np.ndarray) -> np.ndarray:
    """Return R with R'R each covariance; what rounding left below 0 counts as 0."""
    values, vectors = np.linalg.eigh((covariances + covariances.transpose(0, 2, 1)) / 2)
    roots: np.ndarray = np.sqrt(np.maximum(values, 0.0))[:, :, None] * vectors.transpose(0, 2, 1)
    return roots


def _text_variance(weights: np.ndarray, blocks: Blocks, uses_text: bool) -> np.ndarray:
    """Return how much the text moves the prediction [models]: the variance of what it adds, which is 0 on average."""
    if not uses_text or not blocks.has_text.any():
        return np.zeros(weights.shape[1])
    added = blocks.text[blocks.has_text] @ weights[-blocks.text.shape[1] :]
    variance: np.ndarray = (added * added).mean(0)
    return variance
