"""The one number that is learned from, made of everything a rating says.

    reward = sum(weight * value) / sum(weight), over what the rating has

with each value in [0, 1]: the stars as (stars - 1) / 4, a yes as 1 and a no as 0, a metric as it is, or 1 less it where
a high one is bad. What is unknown has no weight, so that it neither helps nor harms.
"""

from collections.abc import Iterator, Mapping

from feedback.domain.metrics import REWARDED, MetricValue

STARS_WEIGHT = 1.0
# Stars are about the answer as a whole; whether it is correct is the part of it that matters most.
CORRECTNESS_WEIGHT = 1.0
HELPFULNESS_WEIGHT = 0.5


def reward(
    *, quality_score: int, is_correct: bool | None, is_helpful: bool | None, metrics: Mapping[str, MetricValue]
) -> float:
    """Return the reward in [0, 1]; never lower for a better rating of the same parts.

    Args:
        quality_score: Stars, 1 to 5.
        is_correct: None when unknown.
        is_helpful: None when unknown.
        metrics: Without problems (``metrics.problems``); those not in ``REWARDED`` are left out.
    """
    parts = [
        ((quality_score - 1) / 4, STARS_WEIGHT),
        *_known(is_correct, CORRECTNESS_WEIGHT),
        *_known(is_helpful, HELPFULNESS_WEIGHT),
        *_measured(metrics),
    ]
    return sum(value * weight for value, weight in parts) / sum(weight for _, weight in parts)


def _known(answer: bool | None, weight: float) -> Iterator[tuple[float, float]]:
    if answer is not None:
        yield float(answer), weight


def _measured(metrics: Mapping[str, MetricValue]) -> Iterator[tuple[float, float]]:
    # In the order of the table, so that the sum does not depend on the order in which a client writes its metrics.
    for name, metric in REWARDED.items():
        if name in metrics:
            value = float(metrics[name])
            yield (value if metric.is_good_when_high else 1.0 - value), metric.weight
