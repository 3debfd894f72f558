"""What the product knows of a model and its provider when it chooses."""

from dataclasses import dataclass
from decimal import Decimal

import msgspec

from routing.domain.pricing import PriceSchedule

TIERS = ("simple", "moderate", "complex")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model as the catalog describes it, immutable.

    ``tier`` is None for a model nobody has classified; such a model is never chosen by ``auto``.
    ``price`` is None when unknown: unknown is never zero.
    """

    id: int
    provider: str
    name: str
    upstream_name: str
    canonical_name: str
    tier: str | None
    price: PriceSchedule | None
    price_id: int | None
    context_tokens: int | None
    max_output_tokens: int | None
    supports_tools: bool
    supports_images: bool
    supports_json: bool
    is_routable: bool
    allow_unpriced: bool
    is_simulated: bool
    is_embedded: bool

    @property
    def full_name(self) -> str:
        return f"{self.provider}/{self.name}"


class Candidate(msgspec.Struct, frozen=True):
    """A model that could serve a request, with what we expect of it.

    ``expected_quality`` in [0, 1] is a forecast where ``quality_lower``, its likely lower bound, is given; otherwise it
    comes from ratings or, before there are any, from the model's tier. ``expected_output_tokens`` is the learned length
    of an answer that the cost was computed with, None where that is the typical one.
    """

    model: ModelSpec
    expected_cost_usd: Decimal | None
    expected_quality: float | None = None
    quality_lower: float | None = None
    expected_output_tokens: int | None = None
