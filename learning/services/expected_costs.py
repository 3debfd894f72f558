"""What the router expects each model's answer to a prompt to cost, at today's prices."""

from decimal import Decimal
from functools import cache

import numpy as np

from learning.domain.training_set import TrainingSet
from routing.domain import prompt_features
from routing.domain.catalog import ModelSpec
from routing.domain.costs import expected_cost
from routing.domain.output_lengths import Lengths, OutputLengths
from routing.domain.prompt import PromptFeatures
from routing.services import snapshot

# Stands in for a prompt whose text is not kept: some 300 tokens.
_TYPICAL_TEXT = "word " * 300


def table(evidence: TrainingSet, lengths: OutputLengths | None) -> np.ndarray:
    """Return dollars [prompts, models], infinite for a model whose price is not known now.

    The value of quality is found on these rather than on what answers did cost, because these are what it is held
    against when it decides: at the prices of that moment, and with the ``lengths`` that the router will expect.
    """
    specs = {model.full_name: model for model in snapshot.current().models}
    models = [specs.get(name) for name in evidence.model_names]
    table = np.full((len(evidence.vectors), len(models)), np.inf)
    for row in range(len(table)):
        features = _features(None if evidence.texts is None else evidence.texts[row])
        kind = None if lengths is None else lengths.of_kind(task=evidence.tasks[row], pattern=evidence.patterns[row])
        for column, model in enumerate(models):
            cost = None if model is None else _cost(model, features, kind)
            if cost is not None:
                table[row, column] = float(cost)
    return table


def _cost(model: ModelSpec, features: PromptFeatures, kind: Lengths | None) -> Decimal | None:
    return expected_cost(model, features, output_tokens=None if kind is None else kind.of(model.full_name))


def _features(text: str | None) -> PromptFeatures:
    return _typical() if text is None else _read(text)


@cache
def _typical() -> PromptFeatures:
    return _read(_TYPICAL_TEXT)


def _read(text: str) -> PromptFeatures:
    return prompt_features.extract({"messages": [{"role": "user", "content": text}]}, task=None)
