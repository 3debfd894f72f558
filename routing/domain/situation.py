"""What a strategy chooses from, and what it knows when it does."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from routing.domain.catalog import Candidate
from routing.domain.decision import Controls
from routing.domain.policy import Forecast, RoutingPolicy
from routing.domain.prompt import PromptFeatures


class SessionUse(msgspec.Struct, frozen=True):
    """How the last answer of the caller's session was served, not longer ago than providers keep prompts cached.

    ``cached_tokens`` are those of its input that the provider said it read from its cache or wrote to it.
    """

    model_name: str
    input_tokens: int
    cached_tokens: int


class Floor(NamedTuple):
    """The least quality wanted, in [0, 1], and who wants it; ``is_firm`` says that less is an error."""

    quality: float
    source: str
    is_firm: bool


class Situation(msgspec.Struct, frozen=True):
    """One request as a strategy sees it.

    Args:
        draw: In [0, 1), from which a share of requests explores; None asks for the choice made without exploration.
        forecasts: By full name, of the models that the policy's predictor knows.
        team_min_quality: In [0, 1], wanted where the request names no quality; missing it is no error.
        session: Given while the prompts of the caller's session are expected in a provider's cache.
    """

    features: PromptFeatures
    candidates: Sequence[Candidate]
    controls: Controls
    policy: RoutingPolicy | None = None
    draw: float | None = None
    forecasts: Mapping[str, Forecast] | None = None
    team_min_quality: float | None = None
    session: SessionUse | None = None

    @property
    def wanted(self) -> Floor | None:
        """The quality that the request wants, else the team."""
        if self.controls.min_quality is not None:
            return Floor(self.controls.min_quality, "the request's minimum", True)
        if self.team_min_quality is not None:
            return Floor(self.team_min_quality, "the team's minimum", False)
        return None

    @property
    def floor(self) -> Floor | None:
        """The quality that the request wants, else the team, else the policy absolutely."""
        if (wanted := self.wanted) is not None:
            return wanted
        if self.policy is None or self.policy.quality_floor is None:
            return None
        return Floor(self.policy.quality_floor, "the policy's floor", False)

    def informed(self) -> "Situation":
        """Return the same with the evidence of the policy in place of the priors of its candidates.

        A forecast for this prompt replaces the prior of the model's tier, else the ratings that earned the model the
        prompt's pattern do.
        """
        if self.policy is None:
            return self
        override = self.policy.overrides.get(self.features.pattern)
        forecasts = self.forecasts or {}
        candidates = []
        for candidate in self.candidates:
            name = candidate.model.full_name
            if (forecast := forecasts.get(name)) is not None:
                candidate = replace(candidate, expected_quality=forecast.mean, quality_lower=forecast.lower)
            elif override is not None and override.full_name == name:
                candidate = replace(candidate, expected_quality=override.expected_quality)
            candidates.append(candidate)
        return replace(self, candidates=candidates)


class Choice(msgspec.Struct, frozen=True):
    """What a rule chooses where nothing is explored; ``confidence`` is ``high``, ``medium`` or ``low``."""

    candidate: Candidate
    confidence: str
    reason: str
