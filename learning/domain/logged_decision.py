"""A decision as the ledger kept it, and how a policy would make it again."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import numpy as np

from routing.domain import repricing, strategies
from routing.domain.catalog import Candidate, ModelSpec
from routing.domain.decision import Controls, NoEligibleModel
from routing.domain.policy import Forecast, RoutingPolicy
from routing.domain.prompt import PromptFeatures
from routing.domain.quality_prior import TIER_QUALITY
from routing.domain.repricing import Rates
from routing.domain.situation import Situation

# How far apart two computations of one probability may end.
SAME_ODDS = 1e-6


@dataclass(frozen=True, slots=True)
class LoggedOption:
    """A model that was considered; ``forecast`` is what the policy of that time expected of it, None without one.

    ``expected_output_tokens`` are those that its cost was expected with, None for those of a typical answer.
    """

    full_name: str
    tier: str | None
    expected_cost_usd: Decimal
    forecast: Forecast | None
    expected_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class LoggedDecision:
    """A rated decision of a policy.

    ``chosen`` is what was decided, whatever served in the end: a failure of the chosen model is among what choosing it
    leads to, so ``reward`` and ``cost_nano_usd`` are of the request as a whole. ``user`` is what the answers of one
    person share; ``strategy`` is the one asked for by name, empty for what ``auto`` means. ``reward`` in [0, 1] is the
    mean of the request's ratings; ``propensity`` in (0, 1] is the probability with which ``chosen`` was drawn.
    """

    request_id: UUID
    user: str
    is_named_user: bool
    strategy: str
    policy_version: int | None
    features: PromptFeatures
    options: tuple[LoggedOption, ...]
    chosen: str
    propensity: float
    reward: float
    cost_nano_usd: int
    team_min_quality: float | None
    vector: np.ndarray | None

    @property
    def category(self) -> str:
        """The caller's own category, else the pattern."""
        return f"task:{self.features.task}" if self.features.task else self.features.pattern

    @property
    def logged_forecasts(self) -> dict[str, Forecast]:
        """What the policy that decided had been told by its predictor."""
        return {option.full_name: option.forecast for option in self.options if option.forecast is not None}

    def odds(
        self,
        policy: RoutingPolicy | None,
        forecasts: Mapping[str, Forecast] | None,
        *,
        rates: Rates | None = None,
    ) -> Mapping[str, float]:
        """Return the probability with which a policy would choose each option; None is the complexity strategy.

        Empty where it would have refused the request. Neither the session nor the request's own minimum of quality is
        known any more.

        Args:
            rates: Of ``repricing.output_rates``, where the policy is not the one that decided: the options are priced
                anew where it expects answers of another length.
        """
        default = policy.strategy if policy is not None else strategies.COMPLEXITY
        name = self.strategy or default
        learned = policy if name in strategies.LEARNED else None
        situation = Situation(
            self.features,
            self._candidates() if rates is None else self._repriced(learned, rates),
            Controls(),
            policy=learned,
            forecasts=forecasts,
            team_min_quality=self.team_min_quality,
        )
        try:
            return strategies.probabilities(name, situation)
        except NoEligibleModel:
            return {}

    def _candidates(self) -> list[Candidate]:
        return [
            Candidate(_spec(position, option), option.expected_cost_usd, TIER_QUALITY.get(option.tier or ""))
            for position, option in enumerate(self.options)
        ]

    def _repriced(self, policy: RoutingPolicy | None, rates: Rates) -> list[Candidate]:
        logged = {option.full_name: option.expected_output_tokens for option in self.options}
        return repricing.repriced(
            self._candidates(), logged_tokens=logged, features=self.features, policy=policy, rates=rates
        )


def _spec(position: int, option: LoggedOption) -> ModelSpec:
    """Return what of a model a strategy reads: its name and tier."""
    provider, _, name = option.full_name.partition("/")
    return ModelSpec(
        id=position,
        provider=provider,
        name=name,
        upstream_name=name,
        canonical_name=name,
        tier=option.tier,
        price=None,
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
