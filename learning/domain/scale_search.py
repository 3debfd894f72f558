"""Finds the prior scales of the linear model's blocks by cross-validation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from learning.domain import hierarchical_regression, prediction_error
from learning.domain.hierarchical_regression import NormalEquations, Scales
from learning.domain.training_set import OutcomeTable

# Logarithms of scales. The constant's two are not searched: the data settle it whatever they are.
_CONSTANT = (1.0, 0.0)
_FIRST_COMMON, _FIRST_OWN = -1.0, -1.5
_LEAST, _MOST = -6.0, 3.0
_STEPS = (1.0, 0.5)
_ROUNDS = 2
_LEAST_GAIN = 1e-6


@dataclass(frozen=True, slots=True)
class LogScales:
    """Of each block of regressors, the first of which is the constant."""

    common: tuple[float, ...]
    own: tuple[float, ...]

    def per_regressor(self, block_of: np.ndarray) -> Scales:
        return Scales(np.exp(np.array(self.common))[block_of], np.exp(np.array(self.own))[block_of])

    def moved(self, place: int, step: float) -> "LogScales | None":
        """Return the scales with one of them moved, own ones after common ones; None where that leaves the range."""
        values = [*self.common, *self.own]
        values[place] += step
        if not _LEAST <= values[place] <= _MOST:
            return None
        return LogScales(tuple(values[: len(self.common)]), tuple(values[len(self.common) :]))

    def with_another_block(self) -> "LogScales":
        return LogScales((*self.common, _FIRST_COMMON), (*self.own, _FIRST_OWN))


def first_scales(blocks: int) -> LogScales:
    """Return where a search begins."""
    others = blocks - 1
    return LogScales((_CONSTANT[0], *[_FIRST_COMMON] * others), (_CONSTANT[1], *[_FIRST_OWN] * others))


class CrossValidation:
    """A linear model judged on folds it was not fitted to, for any scales; its sums are made once."""

    def __init__(
        self, blocks: Sequence[np.ndarray], outcomes: OutcomeTable, *, level: float, folds: np.ndarray
    ) -> None:
        """Take the regressors of each block, [n, regressors]; the first block is the constant."""
        self.regressors = np.concatenate(blocks, axis=1).astype(np.float64)
        self.block_of = np.repeat(np.arange(len(blocks)), [block.shape[1] for block in blocks])
        self._outcomes = outcomes
        self._level = level
        self._folds = folds
        self._errors: dict[LogScales, float] = {}
        self._of_fold = {fold: self._equations(folds == fold) for fold in np.unique(folds).tolist()}
        self.equations = self._sum()

    def error(self, scales: LogScales) -> float:
        """Return the relative error of out-of-fold predictions (``prediction_error.relative``)."""
        if scales not in self._errors:
            errors = self._outcomes.quality - self.out_of_fold(scales)
            self._errors[scales] = prediction_error.relative(errors, self._outcomes, self._level)
        return self._errors[scales]

    def out_of_fold(self, scales: LogScales) -> np.ndarray:
        """Return for each prompt what is predicted from other folds [n, models]."""
        per_regressor = scales.per_regressor(self.block_of)
        found = np.zeros_like(self._outcomes.quality)
        for fold, equations in self._of_fold.items():
            weights = hierarchical_regression.posterior_mean(self.equations - equations, per_regressor)
            rows = self._folds == fold
            found[rows] = self.regressors[rows] @ weights
        return self._level + found

    def search(self, start: LogScales) -> tuple[LogScales, float]:
        """Return the scales at which no single step lessens the error, and that error."""
        best, error = start, self.error(start)
        for step in _STEPS:
            for _ in range(_ROUNDS):
                before = error
                for place in self._places(start):
                    best, error = self._along(best, error, place, step)
                if error >= before:
                    break
        return best, error

    def _along(self, best: LogScales, error: float, place: int, step: float) -> tuple[LogScales, float]:
        """Move one scale up or down as long as that helps."""
        for signed in (-step, step):
            has_moved = False
            while (moved := best.moved(place, signed)) is not None:
                found = self.error(moved)
                if found >= error - _LEAST_GAIN:
                    break
                best, error, has_moved = moved, found, True
            if has_moved:
                break
        return best, error

    def _places(self, scales: LogScales) -> list[int]:
        """Return the places that are searched, last block first and own scales before common ones."""
        blocks = len(scales.common)
        return [place for place in reversed(range(2 * blocks)) if place % blocks]

    def _equations(self, rows: np.ndarray) -> NormalEquations:
        return hierarchical_regression.normal_equations(
            self.regressors[rows],
            self._outcomes.quality[rows] - self._level,
            self._outcomes.weight[rows],
            is_complete=self._outcomes.is_complete,
        )

    def _sum(self) -> NormalEquations:
        first, *others = self._of_fold.values()
        total = first
        for equations in others:
            total = total + equations
        return total
