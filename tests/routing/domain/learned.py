"""Policies and forecasts for domain tests: a plain one each, with whatever the test is about changed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from routing.domain import prompt_encoder
from routing.domain.catalog import ModelSpec
from routing.domain.decision import Controls
from routing.domain.policy import Forecast, Override, RoutingPolicy
from routing.domain.situation import Situation
from tests.routing.domain.specs import candidate, features, model, price

PLAIN_OVERRIDE = Override(
    pattern="code",
    provider="b",
    model="cheap",
    confidence="high",
    confidence_score=0.9,
    sample_count=12,
    avg_quality=4.2,
    correctness_rate=0.85,
)
PLAIN_POLICY = RoutingPolicy(
    version=7,
    team_id=None,
    strategy="hybrid",
    overrides={},
    predictor=None,
    quality_floor=None,
    tolerance=0.05,
    exploration_share=0.0,
    random_share=0.0,
)
# By expected cost for 1,000 tokens in and 300 out: 0.0004, 0.0016, 0.016 and 0.16 dollars.
CHEAP = model("b/cheap", "simple", price=price("0.25", "0.5"))
SIMPLE = model("a/simple", "simple")
MODERATE = model("a/moderate", "moderate", price=price("10", "20"))
COMPLEX = model("a/complex", "complex", price=price("100", "200"))
POOL = (CHEAP, SIMPLE, MODERATE, COMPLEX)


@dataclass(frozen=True)
class KnownForecasts:
    """A predictor that gives every prompt the same forecasts."""

    forecasts: Mapping[str, Forecast]
    encoder: str = prompt_encoder.ENCODER

    @property
    def model_names(self) -> tuple[str, ...]:
        return tuple(self.forecasts)

    def forecast(
        self, vector: np.ndarray, *, text: str | None, task: str | None, pattern: str
    ) -> Mapping[str, Forecast]:
        return self.forecasts


def override(**changes: Any) -> Override:
    return replace(PLAIN_OVERRIDE, **changes)


def policy(*overrides: Override, **changes: Any) -> RoutingPolicy:
    return replace(PLAIN_POLICY, overrides={one.pattern: one for one in overrides}, **changes)


def situation(
    policy: RoutingPolicy | None = None,
    *,
    pool: tuple[ModelSpec, ...] = POOL,
    pattern: str = "code",
    tier: str = "simple",
    min_quality: float | None = None,
    forecasts: Mapping[str, tuple[float, float]] | None = None,
    **changes: Any,
) -> Situation:
    """A simple prompt of code; ``forecasts`` are pairs of mean and lower bound by full name."""
    return Situation(
        features=features(pattern=pattern, tier=tier, complexity_score=0.1234),
        candidates=[candidate(spec) for spec in pool],
        controls=Controls(min_quality=min_quality),
        policy=policy,
        forecasts=None if forecasts is None else {name: Forecast(*pair) for name, pair in forecasts.items()},
        **changes,
    )
