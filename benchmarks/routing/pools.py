"""Reads pools of real outcomes: what several models answered to the same prompts, how well, and at what cost.

A pool is a folder with ``prompts.csv`` (``prompt_id``, ``category``, ``prompt``; ``dataset`` and ``split`` where there
are some) and ``outcomes.csv`` (``prompt_id``, ``model``, ``quality`` in [0, 1], ``cost_usd``, and ``in_tokens`` and
``out_tokens`` where they are known), each plain or gzipped.

The same rules hold for every folder:

- Prompts of the split ``contaminated`` are left out: a model may have learned their answers.
- A folder with two models holds pairs as RouteLLM publishes them: each dataset is a pool of its own, and the cost of an
  answer is 1 for a call to the dearer model and 0 for the other, so that cost is the share of calls.
- Any other folder is one pool of the models that have an outcome for every prompt. Where some models lack a few, all
  of them, over the prompts that every model answered, are a second pool.
- A pool has at least two models that differ in cost, and ``LEAST_PROMPTS`` prompts.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.routing.tables import InvalidPool, Outcomes, Prompt, read_outcomes, read_prompts

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
LEAST_PROMPTS = 100
CALLS, DOLLARS = "calls", "USD"
_CONTAMINATED = "contaminated"


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Prompts and what every model made of them; ``quality`` and ``cost`` are [prompts, models], cheapest model first.

    ``groups`` are equal for prompts that say the same. ``cost_unit`` is ``USD`` or ``calls`` to the dearer model.
    ``tokens`` [prompts, models, 2] were sent and answered; None where that is not known of every outcome.
    """

    name: str
    texts: tuple[str, ...]
    tasks: tuple[str, ...]
    model_names: tuple[str, ...]
    quality: FloatArray
    cost: FloatArray
    cost_unit: str
    groups: IntArray
    tokens: FloatArray | None = None

    @property
    def is_pair(self) -> bool:
        return len(self.model_names) == 2

    @property
    def best_model(self) -> int:
        """The index of the model with the highest mean quality, of equal ones the cheapest."""
        return int(np.argmax(self.quality.mean(axis=0)))


@dataclass(frozen=True, slots=True)
class Found:
    """The pools of a folder, and what was left out of them, in words."""

    pools: tuple[Pool, ...]
    notes: tuple[str, ...]


def read(data: Path) -> Found:
    """Read every pool of the folder ``data`` and of the folders in it.

    Raises:
        InvalidPool: There is no pool, or a file of one lacks something; the message names the file and what it lacks.
    """
    if not data.is_dir():
        raise InvalidPool(f"{data} is no folder. DATA names a folder with pools in it.")
    pools: list[Pool] = []
    notes: list[str] = []
    for folder in _folders(data):
        for pool in _pools_of(folder, notes):
            if reason := _unfit(pool):
                notes.append(f"{pool.name} is left out: {reason}")
            else:
                pools.append(pool)
    if not pools:
        raise InvalidPool("; ".join([f"No pool in {data} can be measured", *notes]) + ".")
    return Found(tuple(pools), tuple(notes))


def folds(groups: IntArray, count: int, seed: int) -> IntArray:
    """Return the fold of every prompt, 0 to ``count`` - 1; prompts of one group share a fold."""
    names, index = np.unique(groups, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    return np.asarray(order[index] % count, dtype=np.int64)


def group_of_equal(texts: Sequence[str]) -> IntArray:
    """Return a number for each text, equal where they differ in nothing but case, spaces and punctuation."""
    found: dict[str, int] = {}
    return np.array([found.setdefault(_normalized(text), len(found)) for text in texts], dtype=np.int64)


def _unfit(pool: Pool) -> str:
    if len(pool.texts) < LEAST_PROMPTS:
        return f"{len(pool.texts)} prompts, at least {LEAST_PROMPTS} are needed"
    return "" if np.ptp(pool.cost.mean(axis=0)) > 0 else "its models cost the same, so that there is nothing to save"


def _folders(data: Path) -> list[Path]:
    folders = [folder for folder in (data, *sorted(data.iterdir())) if folder.is_dir() and _has_any_file(folder)]
    if not folders:
        raise InvalidPool(f"{data} holds no pool: no folder in it has prompts.csv and outcomes.csv (or both gzipped).")
    return folders


def _has_any_file(folder: Path) -> bool:
    return any(folder.glob("prompts.csv*")) or any(folder.glob("outcomes.csv*"))


def _pools_of(folder: Path, notes: list[str]) -> Iterator[Pool]:
    prompts = [prompt for prompt in read_prompts(folder) if prompt.split != _CONTAMINATED]
    outcomes = read_outcomes(folder)
    name = folder.resolve().name
    if len(outcomes.models) < 2:
        notes.append(f"{name} is left out: routing needs two models, it has {len(outcomes.models)}")
        return
    if len(outcomes.models) == 2:
        for dataset in dict.fromkeys(prompt.dataset for prompt in prompts):
            own = [prompt for prompt in prompts if prompt.dataset == dataset]
            yield _pool(f"{name}-{dataset}" if dataset else name, own, outcomes, outcomes.models)
        return
    complete = [model for model in outcomes.models if all((prompt.id, model) in outcomes.quality for prompt in prompts)]
    if len(complete) >= 2:
        yield _pool(name, prompts, outcomes, complete)
    if len(complete) < len(outcomes.models):
        label = f"{name}-{len(outcomes.models)}" if len(complete) >= 2 else name
        yield _pool(label, prompts, outcomes, outcomes.models)


def _pool(name: str, prompts: Sequence[Prompt], outcomes: Outcomes, models: Sequence[str]) -> Pool:
    is_pair = len(models) == 2
    # The price of a call is not asked of a pair.
    needed = outcomes.quality.keys() if is_pair else outcomes.cost.keys()
    kept = [prompt for prompt in prompts if all((prompt.id, model) in needed for model in models)]
    cost = _table(kept, outcomes.cost, models)
    mean_cost = [float(np.nanmean(column)) if np.isfinite(column).any() else 0.0 for column in cost.T]
    order = sorted(range(len(models)), key=lambda position: (mean_cost[position], models[position]))
    names = tuple(models[position] for position in order)
    texts = tuple(prompt.text for prompt in kept)
    return Pool(
        name=name,
        texts=texts,
        tasks=tuple(prompt.category for prompt in kept),
        model_names=names,
        quality=_table(kept, outcomes.quality, names),
        cost=np.tile([0.0, 1.0], (len(kept), 1)) if is_pair else cost[:, order],
        cost_unit=CALLS if is_pair else DOLLARS,
        groups=group_of_equal(texts),
        tokens=_tokens(kept, outcomes, names),
    )


def _table(prompts: Sequence[Prompt], values: dict[tuple[str, str], float], models: Sequence[str]) -> FloatArray:
    rows = [[values.get((prompt.id, model), np.nan) for model in models] for prompt in prompts]
    return np.array(rows, dtype=np.float64).reshape(len(prompts), len(models))


def _tokens(prompts: Sequence[Prompt], outcomes: Outcomes, models: Sequence[str]) -> FloatArray | None:
    found = [[outcomes.tokens.get((prompt.id, model)) for model in models] for prompt in prompts]
    if any(tokens is None for row in found for tokens in row):
        return None
    return np.array(found, dtype=np.float64).reshape(len(prompts), len(models), 2)


def _normalized(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()
