"""The circuit breakers of this process, one per provider and model."""

import time

from routing.domain.catalog import ModelSpec
from routing.domain.circuit_breaker import CircuitBreaker, State

_breakers: dict[tuple[str, str], CircuitBreaker] = {}


def of(model: ModelSpec) -> CircuitBreaker:
    """Return the model's breaker, made on first use."""
    key = (model.provider, model.name)
    breaker = _breakers.get(key)
    if breaker is None:
        breaker = _breakers[key] = CircuitBreaker()
    return breaker


def is_available(model: ModelSpec) -> bool:
    breaker = _breakers.get((model.provider, model.name))
    return breaker is None or breaker.is_available(time.monotonic())


def states() -> dict[tuple[str, str], State]:
    """Return the state of every breaker that has been used, by (provider, model)."""
    now = time.monotonic()
    return {key: breaker.state(now) for key, breaker in _breakers.items()}


def reset() -> None:
    """Forget every breaker's history."""
    _breakers.clear()
