"""The outcome of routing one request."""

from decimal import Decimal

import msgspec

from routing.domain.catalog import Candidate
from routing.domain.rule import Rule


class NoEligibleModel(Exception):
    """No model in the catalog can serve this request; the message says what stood in the way.

    ``is_temporary`` says that the same request may well be served later, because models that could are unavailable.
    """

    def __init__(self, message: str, *, is_temporary: bool = False) -> None:
        super().__init__(message)
        self.is_temporary = is_temporary


class Controls(msgspec.Struct, frozen=True):
    """What the caller asked of the router for one request."""

    max_cost_usd: Decimal | None = None
    min_quality: float | None = None


class RoutingDecision(msgspec.Struct, frozen=True):
    """The model chosen, why, and whom to ask next when it fails.

    ``confidence`` is ``high``, ``medium`` or ``low``, None when nothing was weighed (a model asked for by name, or by a
    rule of the team).
    ``propensity`` is the probability in (0, 1] with which the strategy would make this choice for this request.
    ``greedy_model`` is the full name of what a strategy that explores would have chosen without exploring.
    ``rules`` are those of the team that concern the request's pattern.
    """

    strategy: str
    chosen: Candidate
    considered: tuple[Candidate, ...]
    confidence: str | None
    propensity: float
    reasoning: str
    policy_version: int | None = None
    greedy_model: str | None = None
    rules: tuple[Rule, ...] = ()

    @property
    def is_explored(self) -> bool:
        """Whether another model was taken than the best known one."""
        return self.greedy_model is not None and self.greedy_model != self.chosen.model.full_name
