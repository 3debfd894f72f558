"""Asks a policy's predictor on the way of a request, which must not fail because of it."""

import logging
from collections.abc import Mapping

import numpy as np

from routing.domain import policy as policy_domain
from routing.domain.policy import Forecast, Predictor, RoutingPolicy
from routing.domain.prompt import PromptFeatures

logger = logging.getLogger(__name__)

_reported: set[int] = set()


def forecasts(
    policy: RoutingPolicy, vector: np.ndarray, *, text: str | None, features: PromptFeatures
) -> Mapping[str, Forecast] | None:
    """Return what the policy's predictor expects of each model it knows; None without one.

    A predictor that fails on a prompt, or forecasts what is no number in its range, counts as none; that is logged
    once for its policy.
    """
    if policy.predictor is None:
        return None
    try:
        return _sound(policy.predictor, vector, text, features)
    except Exception as error:
        # Whatever is wrong with a predictor, the request can be decided without it.
        if policy.version not in _reported:
            _reported.add(policy.version)
            logger.error("The predictor of policy %s failed on a prompt: %s", policy.version, type(error).__name__)
        return None


def _sound(
    predictor: Predictor, vector: np.ndarray, text: str | None, features: PromptFeatures
) -> Mapping[str, Forecast]:
    found = predictor.forecast(vector, text=text, task=features.task, pattern=features.pattern)
    if not all(map(policy_domain.is_sound, found.values())):
        raise ValueError("A forecast is not a number in its range.")
    return found
