"""Which categories of prompts there are, and how to tell one's category where its caller does not."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from learning.domain.training_set import TrainingSet
from routing.domain.category_guess import CategoryGuess
from routing.domain.prompt_blocks import Blocks
from routing.domain.quality_predictor import PATTERN_PREFIX
from routing.domain.regressors import guess_regressors

# The most frequent ones: a caller may tag every request differently.
MAX_TASKS = 200
_LEAST_PROMPTS = 2
# From fewer prompts of a task it cannot be learned how to recognize it.
_LEAST_TO_RECOGNIZE = 10
# Of the mean variance, added to each regressor's own.
_RIDGE = 0.1
_NONE = -1


@dataclass(frozen=True, slots=True)
class Categories:
    """``names`` in the order of the columns of ``shares`` [n, categories], which sum to 1 or, where unknown, to 0."""

    names: tuple[str, ...]
    shares: np.ndarray
    guess: CategoryGuess | None


def learn(training: TrainingSet, blocks: Blocks) -> Categories:
    """Return the categories of the prompts of training.

    They are the callers' tasks. Prompts without one take the shares that are guessed from the vector where enough
    prompts have a task to learn that from, else the category of their keyword pattern.
    """
    tasks = _frequent(task for task in training.tasks if task is not None)
    task_of = _places(training.tasks, tasks)
    regressors = guess_regressors(blocks)
    guess = _guess(regressors, task_of, len(tasks))
    if guess is not None:
        shares = guess.probabilities(regressors).astype(np.float64)
        shares[task_of != _NONE] = _one_hot(task_of, len(tasks))[task_of != _NONE]
        return Categories(tuple(tasks), shares, guess)
    labels = [
        task if place != _NONE else PATTERN_PREFIX + pattern
        for task, place, pattern in zip(training.tasks, task_of.tolist(), training.patterns, strict=True)
    ]
    names = [*tasks, *_frequent(label for label in labels if label is not None and label.startswith(PATTERN_PREFIX))]
    return Categories(tuple(names), _one_hot(_places(labels, names), len(names)), None)


def _frequent(labels: Iterable[str]) -> list[str]:
    counts = Counter(labels)
    usable = [label for label, count in counts.items() if count >= _LEAST_PROMPTS]
    return sorted(sorted(usable, key=lambda label: (-counts[label], label))[:MAX_TASKS])


def _places(labels: Iterable[str | None], names: list[str]) -> np.ndarray:
    places = {name: place for place, name in enumerate(names)}
    return np.array([_NONE if label is None else places.get(label, _NONE) for label in labels], dtype=np.int64)


def _one_hot(places: np.ndarray, count: int) -> np.ndarray:
    shares = np.zeros((len(places), count))
    known = np.flatnonzero(places != _NONE)
    shares[known, places[known]] = 1.0
    return shares


def _guess(regressors: np.ndarray, task_of: np.ndarray, tasks: int) -> CategoryGuess | None:
    """Return a linear discriminant (Fisher 1936; Hastie et al., section 4.3) with a ridge; None of too few tasks.

    Tasks of few prompts keep a share by their frequency alone.
    """
    counts = np.bincount(task_of[task_of != _NONE], minlength=tasks)
    if (counts >= _LEAST_TO_RECOGNIZE).sum() < 2:
        return None
    known = task_of != _NONE
    seen = regressors[known].astype(np.float64)
    members = _one_hot(task_of[known], tasks)
    overall = seen.mean(0)
    # Means of rare tasks are shrunken towards the mean of all.
    centers = (members.T @ seen + _LEAST_TO_RECOGNIZE * overall) / (counts[:, None] + _LEAST_TO_RECOGNIZE)
    within = seen - members @ centers
    covariance = within.T @ within / len(seen)
    covariance += _RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    weights = np.linalg.solve(covariance, centers.T)
    offsets = np.log(counts / counts.sum()) - 0.5 * (centers.T * weights).sum(0)
    return CategoryGuess(weights.astype(np.float32), offsets.astype(np.float32))
