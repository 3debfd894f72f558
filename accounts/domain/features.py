"""Which features are on, and for which teams. Plain values: the gateway asks them on every request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, Protocol

from accounts.domain import rollout

Source = Literal["environment", "staff", "rollout", "default", "unknown"]


class Feature(StrEnum):
    """What staff may switch off while the product runs."""

    INSIGHTS = "insights"
    RANKING = "ranking"
    LEARNING_PATHS = "learning_paths"
    TRENDS = "trends"
    ROI = "roi"
    COST_REVIEW = "cost_review"
    CONFIDENCE_TUNING = "confidence_tuning"
    PATTERN_LEARNING = "pattern_learning"
    LEARNED_ROUTING = "learned_routing"
    AUTO_RETRAIN = "auto_retrain"
    RESPONSE_CACHE = "response_cache"
    EXPERIMENTS = "experiments"


WHAT_IT_DOES: Mapping[Feature, str] = MappingProxyType(
    {
        Feature.INSIGHTS: "Team metrics, anti-patterns and the weekly report.",
        Feature.RANKING: "Suggestions ranked by what they are expected to save.",
        Feature.LEARNING_PATHS: "What a team should improve next, in order.",
        Feature.TRENDS: "Weekly trends of cost and quality.",
        Feature.ROI: "What accepted suggestions have saved.",
        Feature.COST_REVIEW: "Cost reviews and their findings.",
        Feature.CONFIDENCE_TUNING: "Weekly tuning of how sure a finding must be.",
        Feature.PATTERN_LEARNING: "Learning which findings teams accept.",
        Feature.LEARNED_ROUTING: "Routing by learned policies; without it, prompts are routed by their complexity.",
        Feature.AUTO_RETRAIN: "Scheduled retraining, training and promotion; what people start by hand still runs.",
        Feature.RESPONSE_CACHE: "Answers reused for teams that allow it.",
        Feature.EXPERIMENTS: "Experiments: new ones may start, and running ones split traffic.",
    }
)
# LEARNING_ENABLED=false leaves a gateway that routes by complexity and reuses answers.
LEARNING = frozenset(Feature) - {Feature.RESPONSE_CACHE}


class FeatureDisabled(Exception):
    """The feature is switched off, everywhere or for the team that asked."""

    def __init__(self, feature: Feature) -> None:
        super().__init__(
            f"Feature disabled: {feature}. Staff switch it on in the admin under Features, or with: "
            f"manage.py optimizer features enable {feature}"
        )
        self.feature = feature


class Named(Protocol):
    """A team, as the database or the gateway's memory has it."""

    @property
    def id(self) -> int: ...

    @property
    def slug(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Rollout:
    """Features that reach only part of the teams, and how far: see ``accounts.domain.rollout``."""

    features: frozenset[Feature]
    reach: float
    phase: int


@dataclass(frozen=True, slots=True)
class Gates:
    """What is off, in the order in which it counts: by the environment, for everybody, for a team, by the rollout.

    ``teams`` holds what staff have set for single teams, by the team's id. ``is_known`` is false where no store has
    answered yet; then nothing is on.
    """

    forced_off: frozenset[Feature] = frozenset()
    off: frozenset[Feature] = frozenset()
    teams: Mapping[int, Mapping[Feature, bool]] = field(default_factory=dict)
    rollout: Rollout | None = None
    is_known: bool = True

    def is_enabled(self, feature: Feature, team: Named | None = None) -> bool:
        """Return whether the feature is on for the team; for None, whether it is on at all."""
        # Asked on every request: a look into an empty set would still compute the feature's hash.
        if (self.off and feature in self.off) or (self.forced_off and feature in self.forced_off) or not self.is_known:
            return False
        if team is None:
            return True
        own = self.teams.get(team.id)
        if own is not None and feature in own:
            return own[feature]
        governing = self.rollout
        return governing is None or feature not in governing.features or rollout.reaches(governing.reach, team.slug)

    def require(self, feature: Feature, team: Named | None = None) -> None:
        """Raise FeatureDisabled unless the feature is on for the team."""
        if not self.is_enabled(feature, team):
            raise FeatureDisabled(feature)

    def source(self, feature: Feature) -> Source:
        """Return what decides about the feature where a team has no setting of its own."""
        if feature in self.forced_off:
            return "environment"
        if not self.is_known:
            return "unknown"
        if feature in self.off:
            return "staff"
        return "rollout" if self.rollout is not None and feature in self.rollout.features else "default"


UNKNOWN = Gates(is_known=False)
