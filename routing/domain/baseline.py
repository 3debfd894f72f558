"""The model that savings are measured against."""

from collections.abc import Iterable

from routing.domain import capability
from routing.domain.catalog import TIERS, ModelSpec
from routing.domain.costs import expected_cost
from routing.domain.prompt import PromptFeatures


def baseline_model(
    models: Iterable[ModelSpec],
    *,
    named: ModelSpec | None,
    team_choice: ModelSpec | None,
    features: PromptFeatures,
) -> ModelSpec | None:
    """Return the model the caller would have used without routing.

    That is the model the request names, else the one its team chose, else the dearest model for this request in the
    highest tier that has any model able to serve it. Simulated and embedded models are compared only among
    themselves, and only where the catalog has no real one. None where nothing fits.
    """
    if named is not None or team_choice is not None:
        return named or team_choice
    capable = [model for model in models if _is_comparable(model) and capability.obstacle(model, features) is None]
    pool = [model for model in capable if not capability.is_stand_in(model)] or capable
    for tier in reversed(TIERS):
        in_tier = [model for model in pool if model.tier == tier]
        if len(in_tier) == 1:
            return in_tier[0]
        if in_tier:
            return max(in_tier, key=lambda model: (expected_cost(model, features), model.full_name))
    return None


def _is_comparable(model: ModelSpec) -> bool:
    return model.is_routable and model.tier is not None and model.price is not None
