"""The product's own reading of prompts, training and deciding, on the prompts and models of a pool."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.routing import prices
from benchmarks.routing.pools import FloatArray, IntArray, Pool
from benchmarks.routing.prices import Priced
from learning.domain import length_means, predictor_training
from learning.domain.length_means import LengthSum
from learning.domain.scale_search import LogScales
from learning.domain.training_set import TrainingSet
from routing.domain import candidates, policy, predictor, prompt_features, strategies, tokens
from routing.domain.catalog import TIERS, Candidate, ModelSpec
from routing.domain.decision import Controls, RoutingDecision
from routing.domain.output_lengths import OutputLengths
from routing.domain.policy import Forecast, Predictor, RoutingPolicy
from routing.domain.pricing import PriceSchedule
from routing.domain.prompt import PromptFeatures
from routing.domain.quality_predictor import LOWER_BOUND_DEVIATIONS, QualityPredictor
from routing.services import embeddings

BoolArray = NDArray[np.bool_]
_PROVIDER = "pool"


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """A pool as the product reads it: what it sees of each prompt, and the models as its catalog would hold them."""

    pool: Pool
    features: tuple[PromptFeatures, ...]
    vectors: NDArray[np.float32]
    models: tuple[ModelSpec, ...]
    priced: Priced

    @property
    def model_names(self) -> tuple[str, ...]:
        return tuple(model.full_name for model in self.models)

    @property
    def patterns(self) -> tuple[str, ...]:
        return tuple(features.pattern for features in self.features)


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """What is expected of every model on some prompts: quality and its deviation, [prompts, models]."""

    quality: FloatArray
    deviation: FloatArray

    def forecasts(self, row: int, names: Sequence[str]) -> dict[str, Forecast]:
        """Return the forecasts of one prompt by the models' names, as ``QualityPredictor.forecast`` does for one."""
        lower = np.maximum(0.0, self.quality[row] - LOWER_BOUND_DEVIATIONS * self.deviation[row])
        pairs = zip(names, self.quality[row].tolist(), lower.tolist(), strict=True)
        return {name: Forecast(mean, bound) for name, mean, bound in pairs}


class Known(Predictor, Protocol):
    """A predictor that can be asked of many prompts at once."""

    def forecast_many(
        self,
        vectors: np.ndarray,
        *,
        texts: Sequence[str | None],
        tasks: Sequence[str | None],
        patterns: Sequence[str],
    ) -> tuple[np.ndarray, np.ndarray]: ...


@dataclass(frozen=True, slots=True)
class Learned:
    """What a policy is given by a training: a predictor, and how long answers are, None where they have no price."""

    predictor: Known
    lengths: OutputLengths | None


# Learns from what was observed [prompts of the pool, models] of some of its prompts, as ``train`` does.
Trainer = Callable[[Read, IntArray, BoolArray, int], Known]


def read(pool: Pool) -> Read:
    """Turn every prompt into features and a vector, its category standing for the caller's own task."""
    features = tuple(_features(text, task) for text, task in zip(pool.texts, pool.tasks, strict=True))
    vectors = np.array(
        [
            embeddings.encode(text, complexity_score=known.complexity_score)
            for text, known in zip(pool.texts, features, strict=True)
        ],
        dtype=np.float32,
    )
    counted = [
        [tokens.for_model(known.input_tokens, name) for name in map(_name, pool.model_names)] for known in features
    ]
    priced = prices.of(pool, np.array(counted, dtype=np.float64))
    return Read(pool, features, vectors, catalog(pool.model_names, priced.schedules), priced)


def catalog(names: Sequence[str], schedules: Sequence[PriceSchedule]) -> tuple[ModelSpec, ...]:
    """Return the models of a pool, cheapest first, spread over the product's tiers by the rank of their price."""
    last = max(1, len(names) - 1)
    return tuple(
        _model(number, name, TIERS[round(number * (len(TIERS) - 1) / last)], price)
        for number, (name, price) in enumerate(zip(names, schedules, strict=True))
    )


def learn(read: Read, rows: IntArray, observed: BoolArray, seed: int, train: Trainer) -> Learned:
    """Train on what was observed of the prompts ``rows``; raises what ``train`` raises."""
    return Learned(train(read, rows, observed, seed), lengths(read, rows, observed))


def train(read: Read, rows: IntArray, observed: BoolArray, seed: int) -> QualityPredictor:
    """Fit on what was observed of the prompts ``rows``, and load the result as a gateway would.

    Args:
        observed: [prompts of the pool, models].

    Raises:
        predictor_training.NotEnoughEvidence: Too little was observed.
    """
    return predictor.load(predictor_training.fit(_training_set(read, rows, observed), seed=seed).content)


class Retrainer:
    """Trains again and again on evidence that grows, as ``train`` does but in a fraction of the time.

    The scales of the linear part are searched for anew once there are twice the outcomes of the last search, and
    a forest has a third of its trees. What comes of that is a little worse than what the product trains once a week.
    """

    TREES = predictor_training.TREES // 3
    _GROWTH = 2

    def __init__(self) -> None:
        self._scales: LogScales | None = None
        self._searched_at = 0

    def __call__(self, read: Read, rows: IntArray, observed: BoolArray, seed: int) -> QualityPredictor:
        training = _training_set(read, rows, observed)
        outcomes = len(training.quality)
        is_searched = outcomes >= self._GROWTH * self._searched_at
        trained = predictor_training.fit(
            training, seed=seed, scales=None if is_searched else self._scales, trees=self.TREES
        )
        if is_searched:
            self._scales, self._searched_at = trained.scales, outcomes
        return predictor.load(trained.content)


def _training_set(read: Read, rows: IntArray, observed: BoolArray) -> TrainingSet:
    pool = read.pool
    prompt_index, model_index = np.nonzero(observed[rows])
    known = rows[prompt_index]
    return TrainingSet(
        vectors=read.vectors[rows],
        texts=[pool.texts[row] for row in rows],
        tasks=[pool.tasks[row] for row in rows],
        patterns=[read.features[row].pattern for row in rows],
        model_names=read.model_names,
        prompt_index=prompt_index,
        model_index=model_index,
        quality=pool.quality[known, model_index],
        weight=np.ones(len(known)),
        groups=pool.groups[rows].tolist(),
    )


def lengths(read: Read, rows: IntArray, observed: BoolArray) -> OutputLengths | None:
    """Learn from what was observed of the prompts ``rows`` how long answers are."""
    if read.priced.answer_tokens is None:
        return None
    kinds: dict[tuple[str, str | None], list[int]] = {}
    for row in rows.tolist():
        features = read.features[row]
        kinds.setdefault((features.pattern, features.task), []).append(row)
    sums = []
    for (pattern, task), members in kinds.items():
        seen = observed[members]
        answered = (seen * read.priced.answer_tokens[members]).sum(axis=0)
        for name, ended, total in zip(read.model_names, seen.sum(axis=0).tolist(), answered.tolist(), strict=True):
            if ended:
                sums.append(LengthSum(name, pattern, task, ended, round(total)))
    return length_means.learn(sums)


def expected(read: Read, known: Known, rows: IntArray) -> Expected:
    """Forecast the quality of every model on the prompts ``rows``."""
    pool = read.pool
    quality, deviation = known.forecast_many(
        read.vectors[rows],
        texts=[pool.texts[row] for row in rows],
        tasks=[pool.tasks[row] for row in rows],
        patterns=[read.features[row].pattern for row in rows],
    )
    return Expected(quality, deviation)


def open_models(read: Read, row: int, lengths: OutputLengths | None = None) -> tuple[Candidate, ...]:
    """Return the models as candidates for a prompt, cheapest first, with the priors of their tiers."""
    return candidates.candidates(
        read.models, read.features[row], Controls(), is_available=lambda _: True, output_lengths=lengths
    )


def options(
    read: Read, learned: Learned | None, rows: IntArray
) -> Iterator[tuple[tuple[Candidate, ...], dict[str, Forecast] | None]]:
    """Yield the candidates of each prompt, and their forecasts where anything is known."""
    if learned is None:
        yield from ((open_models(read, row), None) for row in rows.tolist())
        return
    found = expected(read, learned.predictor, rows)
    for place, row in enumerate(rows.tolist()):
        yield open_models(read, row, learned.lengths), found.forecasts(place, read.model_names)


def without_policy(read: Read, strategy: str) -> IntArray:
    """Return the model that a strategy serves to every prompt while nothing is learned."""
    situations = (
        strategies.Situation(features, open_models(read, row), Controls()) for row, features in enumerate(read.features)
    )
    return served(situations, strategy)


def served(situations: Iterable[strategies.Situation], strategy: str) -> IntArray:
    """Return the index of the model that a strategy serves in each situation."""
    chosen = strategies.get(strategy)
    return np.array([index_of(chosen.decide(situation)) for situation in situations], dtype=np.int64)


def index_of(decision: RoutingDecision) -> int:
    """Return which model of the pool was chosen: its number is its place in the catalog."""
    return decision.chosen.model.id


def learned_policy(learned: Learned | None, document: Mapping[str, object], *, version: int) -> RoutingPolicy:
    """Return the policy that the product makes of a document and a predictor."""
    known = None if learned is None else learned.predictor
    return policy.parse(document, version=version, team_id=None, predictor=known)


def _features(text: str, task: str) -> PromptFeatures:
    return prompt_features.extract({"messages": [{"role": "user", "content": text}]}, task=task or None)


def _name(full_name: str) -> str:
    """Return a model's name without its vendor's."""
    vendor, _, rest = full_name.partition("/")
    return rest or vendor


def _model(number: int, name: str, tier: str, price: PriceSchedule) -> ModelSpec:
    provider, slash, _ = name.partition("/")
    return ModelSpec(
        id=number,
        provider=provider if slash else _PROVIDER,
        name=_name(name),
        upstream_name=name,
        canonical_name=name,
        tier=tier,
        price=price,
        price_id=None,
        context_tokens=None,
        max_output_tokens=None,
        supports_tools=True,
        supports_images=True,
        supports_json=True,
        is_routable=True,
        allow_unpriced=False,
        is_simulated=False,
        is_embedded=False,
    )
