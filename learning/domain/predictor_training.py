"""Trains the predictor of quality: what is learned, from simple to particular, and how it is put together.

1. Prompts become blocks of regressors (``block_fitting``), and get a category (``categories``).
2. Means of each model on each category, shrunken (``category_means``).
3. A hierarchical Bayesian linear model (``linear_training``).
4. A forest of trees that is told the other two, where there are enough prompts (``forest``).
5. The three are blended by shares found by cross-validation (``blending``).

Outcomes of all models on each prompt and outcomes of the one model that served each take the same way.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from learning.domain import (
    blending,
    block_fitting,
    categories,
    category_means,
    folds,
    forest,
    linear_training,
    prediction_error,
    quality_value,
    training_set,
)
from learning.domain.categories import Categories
from learning.domain.linear_training import LinearFit
from learning.domain.scale_search import LogScales
from learning.domain.training_set import NotEnoughEvidence, OutcomeTable, TrainingSet
from routing.domain import predictor_format
from routing.domain.prompt_blocks import Blocks, Transforms
from routing.domain.prompt_encoder import ENCODER
from routing.domain.quality_predictor import QualityPredictor
from routing.domain.regressors import forest_features
from routing.domain.tree_ensemble import TreeEnsemble

__all__ = ["TREES", "NotEnoughEvidence", "TrainedPredictor", "fit"]

FOLDS = 5
TREES = forest.TREES
# Shares of category means, linear model and forest where nothing else is known. Trees are told the other two, which
# keep a part for what a leaf cuts off.
_PRIOR_SHARES = (0.1, 0.1, 0.8)
# Without a forest.
_PRIOR_SHARES_OF_TWO = (0.2, 0.8)


@dataclass(frozen=True, slots=True)
class TrainedPredictor:
    """A predictor as it is stored, and what its training told: evidence, shares and errors on what it had not seen.

    ``scales`` are those of the linear part, for a later training that is to take less time.
    """

    content: bytes
    summary: dict[str, Any]
    scales: LogScales


@dataclass(frozen=True, slots=True)
class _Effort:
    """What decides how long a training takes, and its seed."""

    seed: int
    scales: LogScales | None
    trees: int


@dataclass(frozen=True, slots=True)
class _Parts:
    """The three predictions as fitted, what each predicts out of fold, and their shares."""

    means: np.ndarray
    linear: LinearFit
    forest: TreeEnsemble | None
    out_of_fold: tuple[np.ndarray, ...]
    blend: np.ndarray


def fit(
    training: TrainingSet,
    *,
    seed: int,
    expected_cost_usd: np.ndarray | None = None,
    scales: LogScales | None = None,
    trees: int = TREES,
) -> TrainedPredictor:
    """Train a predictor; equal arguments give equal bytes.

    Takes about a minute for 20,000 prompts and 10 models on one core.

    Args:
        expected_cost_usd: What the value of quality is found on [prompts, models], infinite where unknown; no value is
            found without it.
        scales: Of an earlier training on nearly the same evidence, which spares the search for them.
        trees: Of the forest; fewer take less time and predict a little worse.

    Raises:
        NotEnoughEvidence: There are too few outcomes, prompts or models to learn anything from.
    """
    training_set.require_enough(training)
    outcomes = training_set.tabulate(training)
    assigned = folds.assign(training.groups, FOLDS, rng=np.random.default_rng(seed))
    if scales is not None and not linear_training.needs_text(scales):
        training = replace(training, texts=None)
    transforms, blocks = _blocks(training, seed)
    known = categories.learn(training, blocks)
    parts = _fit_parts(known.shares, blocks, outcomes, assigned, _Effort(seed, scales, trees))
    if not parts.linear.uses_text:
        transforms = replace(transforms, text=None)
    predictor = QualityPredictor(
        encoder=ENCODER,
        model_names=training.model_names,
        categories={name: place for place, name in enumerate(known.names)},
        transforms=transforms,
        guess=known.guess,
        category_means=parts.means,
        linear=parts.linear.part,
        forest=parts.forest,
        blend=np.pad(parts.blend, (0, 3 - len(parts.blend))),
    )
    return TrainedPredictor(
        predictor_format.write(predictor),
        _summary(training, outcomes, known, parts, expected_cost_usd),
        parts.linear.scales,
    )


def _blocks(training: TrainingSet, seed: int) -> tuple[Transforms, Blocks]:
    texts = [None] * len(training.vectors) if training.texts is None else training.texts
    transforms = Transforms(
        block_fitting.surface_transform(training.vectors),
        block_fitting.embedding_transform(training.vectors),
        block_fitting.text_transform(texts, seed=seed),
    )
    return transforms, transforms.apply(training.vectors, texts)


def _fit_parts(
    shares: np.ndarray, blocks: Blocks, outcomes: OutcomeTable, assigned: np.ndarray, effort: _Effort
) -> _Parts:
    linear = linear_training.fit(shares, blocks, outcomes, folds=assigned, scales=effort.scales)
    if not linear.uses_text:
        blocks = replace(blocks, text=blocks.text[:, :0])
    strength = category_means.best_strength(shares, outcomes, assigned, linear.part.level)
    by_category = category_means.out_of_fold(shares, outcomes, assigned, strength)
    out_of_fold = [by_category, linear.out_of_fold]
    grown = None
    if len(shares) >= forest.LEAST_PROMPTS:
        # What the trees are told of a prompt was learned from others, as it will be of prompts to come.
        features = forest_features(by_category, linear.out_of_fold, blocks)
        # What was not seen is filled with what the linear model expects of it, learned from other prompts.
        filled = np.where(outcomes.weight > 0, outcomes.quality, linear.out_of_fold)
        of_prompt = outcomes.weight.sum(1)
        of_effort = {"seed": effort.seed, "trees": effort.trees}
        out_of_fold.append(forest.out_of_fold(features, filled, of_prompt, assigned, **of_effort))
        grown = forest.grow(features, filled, of_prompt, **of_effort)
    errors = [outcomes.quality - predicted for predicted in out_of_fold]
    return _Parts(
        means=category_means.means(shares, outcomes.quality, outcomes.weight, strength),
        linear=linear,
        forest=grown,
        out_of_fold=tuple(out_of_fold),
        blend=blending.shares(
            errors, outcomes.weight, prior=_PRIOR_SHARES if grown is not None else _PRIOR_SHARES_OF_TWO
        ),
    )


def _summary(
    training: TrainingSet,
    outcomes: OutcomeTable,
    known: Categories,
    parts: _Parts,
    cost_usd: np.ndarray | None,
) -> dict[str, Any]:
    blended = np.sum([share * part for share, part in zip(parts.blend, parts.out_of_fold, strict=True)], axis=0)
    weight = outcomes.weight
    values = [] if cost_usd is None else quality_value.values(blended, cost_usd, outcomes.quality, weight)
    seen = (weight > 0).sum(0)
    quality = (weight * outcomes.quality).sum(0) / np.maximum(weight.sum(0), 1e-12)
    return {
        "prompts": len(training.vectors),
        "outcomes": len(training.quality),
        "models": {
            name: {"outcomes": int(count), "mean_quality": round(float(mean), 4)}
            for name, count, mean in zip(training.model_names, seen, quality, strict=True)
        },
        "categories": len(known.names),
        "guesses_category": known.guess is not None,
        "uses_text": parts.linear.uses_text,
        "blend": {
            name: round(float(share), 3)
            for name, share in zip(("category_means", "linear", "forest"), parts.blend, strict=False)
        },
        "quality_values": [asdict(found) for found in values],
        "held_out": {
            "error": prediction_error.mean_square(outcomes.quality - blended, weight),
            "category_means_error": prediction_error.mean_square(outcomes.quality - parts.out_of_fold[0], weight),
        },
    }
