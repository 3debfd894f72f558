"""What a predictor is trained on: prompts, and how well models did on some of them."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

# Fewer than these say nothing about models that a simple rule would not.
LEAST_OUTCOMES = 50
LEAST_MODELS = 2
LEAST_PROMPTS = 20


class NotEnoughEvidence(Exception):
    """There is too little to train on; the message names what is missing."""


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Prompts (n of them), models (m), and outcomes (k), each of one model on one prompt.

    Attributes:
        vectors: float32 [n, ``prompt_encoder.DIMENSIONS``].
        texts: None where the text of a prompt is not kept, or altogether.
        tasks: The callers' own tags.
        patterns: Keyword patterns.
        model_names: Full names, ``provider/name``.
        prompt_index: Which prompt an outcome is of [k].
        model_index: Which model it is of [k].
        quality: In [0, 1] [k].
        weight: Positive; 1 is an outcome as good as a fresh one [k].
        groups: One value per prompt; prompts that share one are never in different folds.
    """

    vectors: np.ndarray
    texts: Sequence[str | None] | None
    tasks: Sequence[str | None]
    patterns: Sequence[str]
    model_names: tuple[str, ...]
    prompt_index: np.ndarray
    model_index: np.ndarray
    quality: np.ndarray
    weight: np.ndarray
    groups: Sequence[Hashable]


@dataclass(frozen=True, slots=True)
class OutcomeTable:
    """Outcomes as tables [prompts, models]: weighted mean quality, and its weight, 0 where none was seen."""

    quality: np.ndarray
    weight: np.ndarray

    @property
    def is_complete(self) -> bool:
        """Whether every model was seen on every prompt, all equally well."""
        return bool((self.weight == self.weight.flat[0]).all() and self.weight.flat[0] > 0)


def require_enough(training: TrainingSet) -> None:
    """Raise NotEnoughEvidence where there are too few outcomes, models or prompts."""
    if len(training.model_names) < LEAST_MODELS:
        raise NotEnoughEvidence(
            f"Outcomes of {len(training.model_names)} models: at least {LEAST_MODELS} are needed to choose between. "
            "Import evaluation outcomes of several models, or calibrate."
        )
    if len(training.quality) < LEAST_OUTCOMES or len(training.vectors) < LEAST_PROMPTS:
        raise NotEnoughEvidence(
            f"{len(training.quality)} outcomes of {len(training.vectors)} prompts: at least {LEAST_OUTCOMES} of "
            f"{LEAST_PROMPTS} are needed. Import evaluation outcomes, calibrate, or wait for ratings."
        )
    for name, values in (("quality", training.quality), ("weight", training.weight), ("vectors", training.vectors)):
        if not np.isfinite(values).all():
            raise ValueError(f"The {name} of a training set holds what is no finite number.")


def tabulate(training: TrainingSet) -> OutcomeTable:
    """Return the outcomes as tables; several of one model on one prompt become their weighted mean."""
    at = (training.prompt_index, training.model_index)
    weight = _summed(training, at, training.weight)
    quality = _summed(training, at, training.weight * training.quality)
    mean = np.divide(quality, weight, out=np.zeros_like(quality), where=weight > 0)
    return OutcomeTable(mean, weight)


def _summed(training: TrainingSet, at: tuple[np.ndarray, np.ndarray], values: np.ndarray) -> np.ndarray:
    table = np.zeros((len(training.vectors), len(training.model_names)))
    np.add.at(table, at, values)
    return table
