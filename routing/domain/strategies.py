"""Strategies choose one of the candidates; each is known by its name."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from routing.domain.candidates import by_cost
from routing.domain.catalog import TIERS, Candidate
from routing.domain.decision import Controls, NoEligibleModel, RoutingDecision
from routing.domain.prompt import PromptFeatures


class UnknownStrategy(Exception):
    """No strategy has this name; the message lists those that exist."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Unknown strategy {name[:64]!r}; use one of: {', '.join(names())}.")


class Strategy(Protocol):
    """A rule that chooses one candidate for a request."""

    @property
    def name(self) -> str: ...

    def decide(
        self, features: PromptFeatures, candidates: Sequence[Candidate], controls: Controls
    ) -> RoutingDecision: ...


class ComplexityStrategy:
    """The cold-start rule: the prompt's complexity names a tier, and the cheapest model of that tier answers.

    Where the tier has no candidate that clears the wanted quality, the next tier up is tried, then those below.
    """

    name = "complexity"

    def decide(self, features: PromptFeatures, candidates: Sequence[Candidate], controls: Controls) -> RoutingDecision:
        """Choose deterministically, hence with propensity 1; confidence is low, for no feedback supports the choice.

        Raises:
            NoEligibleModel: No candidate is expected to reach ``controls.min_quality``.
        """
        good_enough = [candidate for candidate in candidates if _clears(candidate, controls.min_quality)]
        if not good_enough:
            raise NoEligibleModel(_explain_quality(candidates, controls))
        tier = next(
            tier
            for tier in tiers_by_preference(features.tier)
            if any(candidate.model.tier == tier for candidate in good_enough)
        )
        options = [candidate for candidate in good_enough if candidate.model.tier == tier]
        return RoutingDecision(
            strategy=self.name,
            chosen=min(options, key=by_cost),
            considered=tuple(candidates),
            confidence="low",
            propensity=1.0,
            reasoning=_reason(features, tier, len(options), controls),
        )


REGISTRY: Mapping[str, Strategy] = {strategy.name: strategy for strategy in (ComplexityStrategy(),)}


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


def tiers_by_preference(wanted: str) -> tuple[str, ...]:
    """Order the tiers for a prompt: the wanted one, those above from near to far, then those below."""
    position = TIERS.index(wanted)
    return TIERS[position:] + TIERS[:position][::-1]


def _clears(candidate: Candidate, min_quality: float | None) -> bool:
    if candidate.model.tier is None:
        return False
    return min_quality is None or (candidate.expected_quality is not None and candidate.expected_quality >= min_quality)


def _reason(features: PromptFeatures, tier: str, options: int, controls: Controls) -> str:
    prompt = f"{features.pattern} prompt, complexity {features.complexity_score:.2f} ({features.tier})"
    choice = f"cheapest of {options} {tier} models" if options > 1 else f"the only {tier} model"
    if controls.min_quality is not None:
        choice += f" expected to reach quality {controls.min_quality:g}"
    moved = "" if tier == features.tier else f"no {features.tier} model fits, so "
    return f"{prompt}: {moved}{choice}"


def _explain_quality(candidates: Sequence[Candidate], controls: Controls) -> str:
    if not candidates:
        return "0 models can serve this request; open one that fits to routing."
    best = max((candidate.expected_quality or 0.0) for candidate in candidates)
    return (
        f"{len(candidates)} models can serve this request, but none is expected to reach quality "
        f"{controls.min_quality}; ask for at most {best:g}, or open a model of a higher tier to routing."
    )
