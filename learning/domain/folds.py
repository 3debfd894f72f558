"""Divides prompts into folds, so that what is learned from some is judged on others."""

from collections.abc import Hashable, Sequence

import numpy as np


def assign(groups: Sequence[Hashable], count: int, *, rng: np.random.Generator) -> np.ndarray:
    """Return the fold of each prompt, 0 to ``count`` - 1; prompts of one group share a fold, folds differ by a group.

    Args:
        groups: One value per prompt.
    """
    places: dict[Hashable, int] = {}
    index = np.array([places.setdefault(group, len(places)) for group in groups], dtype=np.int64)
    fold_of_group = rng.permutation(len(places)) % count
    assigned: np.ndarray = fold_of_group[index]
    return assigned
