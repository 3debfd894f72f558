"""Reads a trained predictor from its bytes, and asks it for forecasts before anyone decides by it."""

import numpy as np

from routing.domain import predictor_format
from routing.domain.predictor_format import InvalidPredictor
from routing.domain.prompt import PATTERNS
from routing.domain.prompt_encoder import DIMENSIONS
from routing.domain.quality_predictor import QualityPredictor

__all__ = ["InvalidPredictor", "QualityPredictor", "load"]

_SEED = 0


def load(content: bytes) -> QualityPredictor:
    """Return the predictor that ``content`` holds.

    Raises:
        InvalidPredictor: It holds none that this version of the product can use: no archive of arrays of finite
            numbers, parts that do not fit together, or forecasts of made-up prompts that are no finite numbers.
    """
    predictor = predictor_format.read(content)
    # What overflows is refused below; a warning would say less.
    with np.errstate(all="ignore"):
        _probe(predictor)
    return predictor


def _probe(predictor: QualityPredictor) -> None:
    """Ask for forecasts of a prompt of zeros and of a random one, with and without text, of each known category."""
    random = np.random.default_rng(_SEED).normal(size=DIMENSIONS)
    vectors = np.stack((np.zeros(DIMENSIONS), random)).astype(np.float32)
    tasks = [None, *predictor.tasks]
    for vector in vectors:
        for text in ("What is the capital of Norway?", None):
            means, deviations = predictor.forecast_many(
                np.repeat(vector[None], len(tasks), axis=0),
                texts=[text] * len(tasks),
                tasks=tasks,
                patterns=[PATTERNS[0]] * len(tasks),
            )
            if not (np.isfinite(means).all() and np.isfinite(deviations).all()):
                raise InvalidPredictor("The predictor forecasts what is no number. Train it anew.")
