"""What a pool's models cost by the token, as a catalog tells before anything is learned.

A gateway knows the prices of its models and counts the tokens of a prompt. What it has to learn is how long answers
are. So the costs of a pool are taken apart into prices and lengths of answers:

- A model of a pair costs what a call of it costs, whatever is asked and answered.
- Where the outcomes state tokens, the prices are those that explain the costs best (non-negative least squares): the
  very prices, where costs were computed from them.
- Elsewhere a token of the prompt costs as much as a model's costs rise with it among prompts of one category, which is
  the only thing here that is learned from all prompts of a pool. The rest is the price of the answers. They are counted
  in units of which a mean answer has as many as an answer that nothing is known of.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from scipy.optimize import nnls

from benchmarks.routing.pools import CALLS, FloatArray, Pool
from routing.domain.costs import TYPICAL_OUTPUT_TOKENS
from routing.domain.pricing import PriceSchedule

_PER_MILLION = 1e6
_DIGITS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Priced:
    """The rates of each model, and the tokens of each answer [prompts, models], None where answers have no price."""

    schedules: tuple[PriceSchedule, ...]
    answer_tokens: FloatArray | None


def of(pool: Pool, prompt_tokens: FloatArray) -> Priced:
    """Take the costs of a pool apart.

    Args:
        prompt_tokens: As a gateway counts them for each model, [prompts, models].
    """
    if pool.cost_unit == CALLS:
        return Priced(tuple(_schedule(0.0, 0.0, call=cost) for cost in pool.cost.mean(axis=0).tolist()), None)
    if pool.tokens is not None:
        rates = [nnls(pool.tokens[:, model], pool.cost[:, model])[0].tolist() for model in range(pool.cost.shape[1])]
        return Priced(tuple(_schedule(*found) for found in rates), pool.tokens[:, :, 1])
    of_prompts = _rise(prompt_tokens, pool.cost, pool.tasks)
    of_answers = np.maximum(pool.cost - of_prompts * prompt_tokens, 0.0)
    rates = of_answers.mean(axis=0) / TYPICAL_OUTPUT_TOKENS
    tokens = np.divide(of_answers, rates, out=np.zeros_like(of_answers), where=rates > 0)
    return Priced(tuple(map(_schedule, of_prompts.tolist(), rates.tolist())), tokens)


def _rise(tokens: FloatArray, cost: FloatArray, labels: Sequence[Hashable]) -> FloatArray:
    """Return by how much the cost of each model rises with a token among prompts of one label, at least 0."""
    tokens, cost = _centered(tokens, labels), _centered(cost, labels)
    spread = (tokens * tokens).sum(axis=0)
    slope = np.divide((tokens * cost).sum(axis=0), spread, out=np.zeros_like(spread), where=spread > 0)
    return np.asarray(np.maximum(slope, 0.0), dtype=np.float64)


def _centered(values: FloatArray, labels: Sequence[Hashable]) -> FloatArray:
    number = {label: place for place, label in enumerate(dict.fromkeys(labels))}
    index = np.array([number[label] for label in labels])
    sums = np.zeros((len(number), values.shape[1]))
    np.add.at(sums, index, values)
    return np.asarray(values - (sums / np.bincount(index)[:, None])[index], dtype=np.float64)


def _schedule(of_prompt: float, of_answer: float, *, call: float = 0.0) -> PriceSchedule:
    return PriceSchedule(_usd(of_prompt * _PER_MILLION), _usd(of_answer * _PER_MILLION), request_usd=_usd(call))


def _usd(value: float) -> Decimal:
    return round(Decimal(repr(value)), _DIGITS)
