"""Asks stored policies again what they would decide for logged requests."""

import logging
from collections.abc import Mapping
from decimal import Decimal
from functools import cache

from learning.domain.logged_decision import LoggedDecision
from learning.domain.policy_scores import Decide
from routing.domain import repricing, strategies
from routing.domain.policy import InvalidPolicy, RoutingPolicy
from routing.models import PolicyVersion
from routing.services import forecasts, policies, snapshot

logger = logging.getLogger(__name__)


def decider(policy: RoutingPolicy | None) -> Decide:
    """Return what gives a policy's odds on a logged decision; ``policy`` None is the complexity strategy.

    Where the policy made the decision itself, its forecasts of then are used, which knew the prompt's text. Otherwise
    it is asked anew with the prompt's kept vector; without one it is not known what it would have decided. What it
    would have expected answers to cost follows from the lengths that it knows, at today's prices.
    """

    @cache
    def todays_rates() -> Mapping[str, Decimal]:
        return repricing.output_rates(snapshot.current().models)

    def decide(decision: LoggedDecision) -> Mapping[str, float] | None:
        rates = todays_rates() if _is_priced_otherwise(policy, decision) else None
        if policy is None or policy.predictor is None or not _is_learned(policy, decision):
            return decision.odds(policy, None, rates=rates)
        if decision.policy_version == policy.version:
            return decision.odds(policy, decision.logged_forecasts)
        if decision.vector is None:
            return None
        found = forecasts.forecasts(policy, decision.vector, text=None, features=decision.features)
        return None if found is None else decision.odds(policy, found, rates=rates)

    return decide


def logging_decider() -> Decide:
    """Return what gives the odds of whichever policy made a decision; None where that can no longer be loaded."""
    loaded: dict[int, Decide | None] = {}

    def decide(decision: LoggedDecision) -> Mapping[str, float] | None:
        version = decision.policy_version
        if version is None:
            return decision.odds(None, None)
        if version not in loaded:
            loaded[version] = _loaded(version)
        of_version = loaded[version]
        return None if of_version is None else of_version(decision)

    return decide


def _loaded(version: int) -> Decide | None:
    stored = PolicyVersion.objects.select_related("predictor").filter(version=version).first()
    if stored is None:
        return None
    try:
        return decider(policies.load(stored))
    except InvalidPolicy as error:
        logger.warning("Decisions of policy %s are left out of scoring: %s", version, error)
        return None


def _is_priced_otherwise(policy: RoutingPolicy | None, decision: LoggedDecision) -> bool:
    """Whether answers may have been expected to be of another length than the policy expects."""
    if decision.policy_version == (None if policy is None else policy.version):
        return False
    knows_lengths = policy is not None and policy.output_lengths is not None
    return knows_lengths or any(option.expected_output_tokens is not None for option in decision.options)


def _is_learned(policy: RoutingPolicy, decision: LoggedDecision) -> bool:
    return (decision.strategy or policy.strategy) in strategies.LEARNED
