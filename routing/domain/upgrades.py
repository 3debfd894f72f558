"""Upgrades: routed requests that go to a dearer model than usual.

Prompts can be dressed up so that routing takes them for hard ones: see Shafran, Schuster, Ristenpart and Shmatikov,
Rerouting LLM Routers (2025). Whatever the dress, the model it leads to is dear; so that is what is limited.
"""

from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import replace

from routing.domain.catalog import Candidate
from routing.domain.decision import RoutingDecision
from routing.domain.situation import Situation

# The name under which the ledger keeps decisions that the cap has changed.
STRATEGY = "capped"
# Whoever does not route takes one model for everything: of the middle tier, where there is any.
_USUAL_TIERS = ("moderate", "simple", "complex")


def usual(situation: Situation, considered: Sequence[Candidate]) -> Candidate:
    """Return what one fixed model for everything would be: the cheapest of the middle tier that is good enough.

    Good enough is what the request wants, else its team; where nothing is, all are asked. Without a model of the middle
    tier it is the cheapest of the lowest tier, then of the highest.

    Args:
        considered: The candidates of the decision, cheapest first; at least one.
    """
    enough = _good_enough(situation, considered)
    for tier in _USUAL_TIERS:
        for candidate in enough:
            if candidate.model.tier == tier:
                return candidate
    return enough[0]


def is_upgrade(decision: RoutingDecision, ordinary: Candidate) -> bool:
    """Whether the model chosen is expected to cost more, for this request, than the usual one."""
    return _cost(decision.chosen) > _cost(ordinary)


def held(decision: RoutingDecision, situation: Situation, ordinary: Candidate, why: str) -> RoutingDecision:
    """Return the decision for the best model that costs no more than the usual one, the cheapest of equals.

    It was made by no strategy's odds, and by no policy.

    Args:
        why: What the reasoning begins with.
    """
    enough = _good_enough(situation, decision.considered)
    within = [candidate for candidate in enough if _cost(candidate) <= _cost(ordinary)]
    # Of equals, max takes the first, and the cheapest come first.
    best = max(within, key=lambda candidate: candidate.expected_quality or 0.0)
    instead = f"{best.model.full_name} instead of {decision.chosen.model.full_name}"
    return replace(
        decision,
        strategy=STRATEGY,
        chosen=best,
        confidence=None,
        propensity=1.0,
        reasoning=f"{why}: {instead}; {decision.reasoning}",
        policy_version=None,
        greedy_model=None,
    )


def _good_enough(situation: Situation, considered: Sequence[Candidate]) -> Sequence[Candidate]:
    wanted = situation.wanted
    if wanted is None:
        return considered
    found = [candidate for candidate in considered if (candidate.expected_quality or 0.0) >= wanted.quality]
    return found or considered


def _cost(candidate: Candidate) -> Decimal:
    # Routing never chooses what has no price; were it to, an unknown cost is not a low one.
    return Decimal("Infinity") if candidate.expected_cost_usd is None else candidate.expected_cost_usd
