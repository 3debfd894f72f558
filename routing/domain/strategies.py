"""Strategies choose one of the candidates; each is known by its name.

``complexity`` is the rule where nothing has been learned. ``learning`` follows the active policy wherever it knows
something. ``hybrid`` follows it where it is sure and stays near what complexity would choose.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Protocol

from msgspec.structs import replace

from routing.domain import cold_start, exploration, learned_choice, stickiness
from routing.domain.catalog import TIERS
from routing.domain.decision import RoutingDecision
from routing.domain.learned_choice import Unlearned
from routing.domain.situation import Choice, SessionUse, Situation

__all__ = ["SessionUse", "Situation", "Strategy", "UnknownStrategy", "get", "names", "probabilities"]

COMPLEXITY = "complexity"
LEARNED = ("learning", "hybrid")


class UnknownStrategy(Exception):
    """No strategy has this name; the message lists those that exist."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Unknown strategy {name[:64]!r}; use one of: {', '.join(names())}.")


class Strategy(Protocol):
    """A rule that chooses one candidate for a request."""

    @property
    def name(self) -> str: ...

    def decide(self, situation: Situation) -> RoutingDecision: ...

    def probabilities(self, situation: Situation) -> dict[str, float]: ...


class ComplexityStrategy:
    """Chooses deterministically by the rule of ``cold_start``."""

    name = COMPLEXITY

    def decide(self, situation: Situation) -> RoutingDecision:
        choice = cold_start.choose(situation)
        return RoutingDecision(
            strategy=self.name,
            chosen=choice.candidate,
            considered=tuple(situation.candidates),
            confidence=choice.confidence,
            propensity=1.0,
            reasoning=choice.reason,
        )

    def probabilities(self, situation: Situation) -> dict[str, float]:
        chosen = cold_start.choose(situation).candidate
        return exploration.Lottery(chosen).probabilities(situation.candidates)


class _PolicyStrategy(ABC):
    """Chooses by a rule of its own, stays with a session's model where that is cheaper, and explores.

    With a ``draw`` the decision is a sample of ``probabilities``; without one it is the greedy choice.
    """

    name: str

    def decide(self, situation: Situation) -> RoutingDecision:
        situation = situation.informed()
        choice, lottery = self._lottery(situation)
        chosen, how = lottery.drawn(situation.draw)
        policy = situation.policy
        return RoutingDecision(
            strategy=self.name,
            chosen=chosen,
            considered=tuple(situation.candidates),
            confidence=choice.confidence if chosen is choice.candidate else "low",
            propensity=lottery.probabilities(situation.candidates)[chosen.model.full_name],
            reasoning=choice.reason if how == "greedy" else _drawn_reason(how, choice),
            policy_version=None if policy is None else policy.version,
            greedy_model=choice.candidate.model.full_name,
        )

    def probabilities(self, situation: Situation) -> dict[str, float]:
        situation = situation.informed()
        return self._lottery(situation)[1].probabilities(situation.candidates)

    @abstractmethod
    def _choose(self, situation: Situation) -> Choice:
        """Return the greedy choice, before sessions are looked at."""

    def _lottery(self, situation: Situation) -> tuple[Choice, exploration.Lottery]:
        choice = self._choose(situation)
        if situation.policy is not None:
            choice = stickiness.stay(situation, choice)
        return choice, exploration.lottery(situation, choice.candidate)


class LearningStrategy(_PolicyStrategy):
    """Follows the policy at any confidence, and complexity where it knows nothing."""

    name = "learning"

    def _choose(self, situation: Situation) -> Choice:
        learned = learned_choice.choose(situation)
        return _cold(situation, learned.reason) if isinstance(learned, Unlearned) else learned


class HybridStrategy(_PolicyStrategy):
    """Follows the policy at high and, marked as experimental, at medium confidence, within one tier of complexity.

    Everything else is left to complexity.
    """

    name = "hybrid"

    def _choose(self, situation: Situation) -> Choice:
        learned = learned_choice.choose(situation)
        if isinstance(learned, Unlearned):
            return _cold(situation, learned.reason)
        if learned.confidence == "low":
            return _cold(situation, f"what was learned is of low confidence ({learned.candidate.model.full_name})")
        cold = cold_start.choose(situation)
        if not _are_near(learned, cold):
            return _cold(
                situation,
                f"{learned.candidate.model.full_name} was learned, more than one tier from complexity's choice",
            )
        if learned.confidence == "medium":
            return replace(learned, reason=f"experimental: {learned.reason}")
        return learned


REGISTRY: Mapping[str, Strategy] = {
    strategy.name: strategy for strategy in (ComplexityStrategy(), LearningStrategy(), HybridStrategy())
}


def get(name: str) -> Strategy:
    """Return the strategy of this name.

    Raises:
        UnknownStrategy: There is none.
    """
    try:
        return REGISTRY[name]
    except KeyError:
        raise UnknownStrategy(name) from None


def names() -> tuple[str, ...]:
    """Return the names of all strategies, in the order of registration."""
    return tuple(REGISTRY)


def probabilities(strategy_name: str, situation: Situation) -> Mapping[str, float]:
    """Return the probability with which a strategy would send the request to each candidate, by full name.

    They add up to 1; the greedy choice, exploration and the random share are all in them. ``situation.draw`` has no
    influence.

    Raises:
        UnknownStrategy: There is none of this name.
        NoEligibleModel: No candidate is expected to reach the request's minimum.
    """
    return get(strategy_name).probabilities(situation)


def _cold(situation: Situation, why: str) -> Choice:
    cold = cold_start.choose(situation)
    return replace(cold, reason=f"{why}; {cold.reason}")


def _are_near(learned: Choice, cold: Choice) -> bool:
    tier, other = learned.candidate.model.tier, cold.candidate.model.tier
    if tier is None or other is None:
        return False
    return abs(TIERS.index(tier) - TIERS.index(other)) <= 1


def _drawn_reason(how: str, choice: Choice) -> str:
    purpose = (
        "tried, because it may turn out better" if how == "explored" else "drawn at random, to keep evidence honest"
    )
    return f"{purpose}; without that {choice.candidate.model.full_name}: {choice.reason}"
