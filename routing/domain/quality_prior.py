"""What quality to expect of a model nobody has rated yet."""

from routing.domain.catalog import ModelSpec

# A prior, not a measurement: the share of answers we would expect people to accept from a typical model of the tier,
# over mixed traffic. The order is what matters; the steps keep ``min_quality`` meaningful before feedback replaces it.
TIER_QUALITY = {"simple": 0.70, "moderate": 0.82, "complex": 0.92}


def expected_quality(model: ModelSpec) -> float | None:
    """Return the prior in [0, 1] of the model's tier, None for a model without one."""
    return None if model.tier is None else TIER_QUALITY[model.tier]
