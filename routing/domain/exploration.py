"""Trying other models than the best known one, with known odds.

A policy's ``exploration_share`` of requests goes to models that may turn out to be the better choice, its
``random_share`` to any model of the shortlist. What each choice was worth can be estimated later only because its
probability is written down.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from routing.domain.candidates import by_cost
from routing.domain.catalog import TIERS, Candidate
from routing.domain.learned_choice import forecast_floor, worth
from routing.domain.policy import Forecast
from routing.domain.situation import Situation
from routing.domain.stickiness import live_session

MAX_SHORTLIST = 6


@dataclass(frozen=True, slots=True)
class Lottery:
    """The distribution that a request's model is drawn from.

    ``promising`` does not hold the greedy choice, ``shortlist`` does. The shares lie in [0, 0.5]; what is left of 1,
    and the exploration share where nothing is promising, goes to the greedy choice.
    """

    greedy: Candidate
    promising: tuple[Candidate, ...] = ()
    shortlist: tuple[Candidate, ...] = ()
    exploration_share: float = 0.0
    random_share: float = 0.0

    def probabilities(self, candidates: Sequence[Candidate]) -> dict[str, float]:
        """Return the probability of each candidate by its full name; they add up to 1."""
        found = dict.fromkeys((candidate.model.full_name for candidate in candidates), 0.0)
        found[self.greedy.model.full_name] += 1.0 - self.exploration_share - self.random_share
        for part, share in ((self.promising, self.exploration_share), (self.shortlist, self.random_share)):
            for candidate in part:
                found[candidate.model.full_name] += share / len(part)
        # Sums of shares are rounded, and no probability may be above 1.
        return {name: min(1.0, probability) for name, probability in found.items()}

    def drawn(self, draw: float | None) -> tuple[Candidate, str]:
        """Return the candidate at ``draw`` in [0, 1), and how it was found: ``greedy``, ``explored`` or ``random``."""
        greedy_share = 1.0 - self.exploration_share - self.random_share
        if draw is None or draw < greedy_share:
            return self.greedy, "greedy"
        if draw < greedy_share + self.exploration_share:
            return _at(self.promising, (draw - greedy_share) / self.exploration_share), "explored"
        if not self.shortlist:
            # The shares of one are added in floating point, and may stop just below it.
            return self.greedy, "greedy"
        return _at(self.shortlist, (draw - greedy_share - self.exploration_share) / self.random_share), "random"


def draw_of(request_id: str, policy_version: int) -> float:
    """Return the number in [0, 1) that a request draws under a policy: the same whenever it is asked for.

    The first 53 bits of BLAKE2b over ``<request id>:<policy version>``, which is what a float holds exactly.
    """
    digest = hashlib.blake2b(f"{request_id}:{policy_version}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def lottery(situation: Situation, greedy: Candidate) -> Lottery:
    """Return the distribution over the candidates of an informed situation.

    Nothing is explored without a policy, nor while the prompts of the caller's session are in a provider's cache:
    another model would pay for all of them again.
    """
    policy = situation.policy
    if policy is None or live_session(situation) is not None:
        return Lottery(greedy)
    if not policy.exploration_share and not policy.random_share:
        return Lottery(greedy)
    listed = shortlist(situation, greedy)
    promising = tuple(candidate for candidate in listed if _is_promising(situation, candidate, greedy))
    return Lottery(
        greedy,
        promising=promising,
        shortlist=listed if policy.random_share else (),
        exploration_share=policy.exploration_share if promising else 0.0,
        random_share=policy.random_share,
    )


def shortlist(situation: Situation, greedy: Candidate) -> tuple[Candidate, ...]:
    """Return at most six models that may be tried: the greedy choice, the cheapest of each tier, then the cheapest
    that the policy has evidence of.

    None but the greedy one costs more than the cheapest model of the top tier, or is expected to miss the quality that
    the request (else the team) wants.
    """
    allowed = _allowed(situation)
    first_of_tiers = [_cheapest(allowed, tier) for tier in TIERS]
    evidence = _evidence(situation)
    known = sorted((candidate for candidate in allowed if candidate.model.full_name in evidence), key=by_cost)
    ordered = [greedy, *(candidate for candidate in first_of_tiers if candidate is not None), *known]
    return tuple({candidate.model.full_name: candidate for candidate in ordered}.values())[:MAX_SHORTLIST]


def _allowed(situation: Situation) -> list[Candidate]:
    most = _cost_of_top_tier(situation.candidates)
    wanted = situation.wanted
    return [
        candidate
        for candidate in situation.candidates
        if candidate.expected_cost_usd is not None
        and (most is None or candidate.expected_cost_usd <= most)
        and (wanted is None or (candidate.expected_quality or 0.0) >= wanted.quality)
    ]


def _cost_of_top_tier(candidates: Sequence[Candidate]) -> Decimal | None:
    for tier in reversed(TIERS):
        if (cheapest := _cheapest(candidates, tier)) is not None:
            return cheapest.expected_cost_usd
    return None


def _cheapest(candidates: Sequence[Candidate], tier: str) -> Candidate | None:
    return min((candidate for candidate in candidates if candidate.model.tier == tier), key=by_cost, default=None)


def _evidence(situation: Situation) -> Mapping[str, None]:
    policy = situation.policy
    if policy is None:
        return {}
    names = [override.full_name for override in policy.overrides.values()]
    return dict.fromkeys([*names, *(policy.predictor.model_names if policy.predictor is not None else ())])


def _is_promising(situation: Situation, candidate: Candidate, greedy: Candidate) -> bool:
    """Whether more evidence could make this model the choice.

    A model without a forecast may be anything. Of the others, where quality is weighed against cost, one has to be
    worth as much as the greedy choice to be chosen; where a floor is held, a cheaper one has to reach it, and a dearer
    one the quality of the greedy choice. Its upper bound says whether it may.
    """
    if candidate.model.full_name == greedy.model.full_name:
        return False
    mean, lower = candidate.expected_quality, candidate.quality_lower
    if mean is None or lower is None or greedy.expected_quality is None or greedy.quality_lower is None:
        return True
    upper = Forecast(mean, lower).upper
    policy = situation.policy
    if situation.floor is None and policy is not None and policy.usd_per_quality is not None:
        value = policy.usd_per_quality
        return worth(upper, candidate, value) >= worth(greedy.expected_quality, greedy, value)
    floor = forecast_floor(situation)
    is_cheaper = by_cost(candidate) < by_cost(greedy)
    return upper >= (floor.quality if is_cheaper and floor is not None else greedy.expected_quality)


def _at(candidates: Sequence[Candidate], position: float) -> Candidate:
    return candidates[min(int(position * len(candidates)), len(candidates) - 1)]
