"""Simulated traffic of an experiment: heavy-tailed costs of requests that resemble each other within a user."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.domain.units import ArmData, UnitSums

ARMS = ("control", "test")
REQUESTS_PER_ARM = 1000
REQUESTS_PER_LOOK = 10
# Some users ask far more often than others: the logarithm of a user's activity has this standard deviation.
_ACTIVITY_SIGMA = 0.5
_NAMES = [f"user {number}" for number in range(REQUESTS_PER_ARM)]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class World:
    """How requests come about.

    Attributes:
        users_per_arm: None gives every request a user of its own.
        sigma: standard deviation of the logarithm of a request's size, which its cost follows.
        user_sigma: the same of a user's typical size, as a multiple of ``sigma``.
        noise_sigma: how far the logarithm of the cost strays from what was expected of the request before assignment;
            None keeps no such reference.
        has_outcomes: latency, errors and ratings are measured too.
        rating_share: share of the requests that are rated.
    """

    users_per_arm: int | None
    sigma: float
    user_sigma: float = 0.7
    noise_sigma: float | None = None
    has_outcomes: bool = False
    rating_share: float = 0.3


@dataclass(frozen=True, slots=True)
class Effect:
    """What the tested arm does: factors on cost, quality and latency."""

    cost: float = 1.0
    quality: float = 1.0
    latency: float = 1.0


NO_EFFECT = Effect()


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests of one arm in their order; ``quality`` is NaN where nobody rated."""

    users: NDArray[np.intp]
    cost: Floats
    reference: Floats | None
    latency_ms: Floats | None
    is_error: NDArray[np.bool_] | None
    quality: Floats | None


def simulate(world: World, effect: Effect, rng: np.random.Generator) -> dict[str, Requests]:
    """Return the requests of both arms; ``effect`` is on the second."""
    return {ARMS[0]: _arm(world, NO_EFFECT, rng), ARMS[1]: _arm(world, effect, rng)}


def looks(traffic: dict[str, Requests], look_every: int) -> Iterator[dict[str, ArmData]]:
    """Yield the data of both arms at every look, added up as they would come in."""
    sums = {arm: UnitSums() for arm in traffic}
    for begin in range(0, REQUESTS_PER_ARM, look_every):
        for arm, requests in traffic.items():
            for number in range(begin, begin + look_every):
                _add(sums[arm], requests, number)
        yield {arm: units.arm() for arm, units in sums.items()}


def _arm(world: World, effect: Effect, rng: np.random.Generator) -> Requests:
    count = REQUESTS_PER_ARM
    users = _users(world, rng)
    typical = rng.normal(0, world.user_sigma * world.sigma, users.max() + 1) if world.users_per_arm else np.zeros(count)
    size = np.exp(typical[users] + rng.normal(0, world.sigma, count))
    noise = 1.0 if world.noise_sigma is None else np.exp(rng.normal(0, world.noise_sigma, count))
    cost = 0.002 * size * noise * effect.cost
    reference = None if world.noise_sigma is None else 0.003 * size
    if not world.has_outcomes:
        return Requests(users, cost, reference, None, None, None)
    latency_ms = 800 * np.exp(rng.normal(0, 0.2, users.max() + 1)[users] + rng.normal(0, 0.5, count)) * effect.latency
    return Requests(users, cost, reference, latency_ms, rng.random(count) < 0.01, _quality(world, effect, users, rng))


def _users(world: World, rng: np.random.Generator) -> NDArray[np.intp]:
    if world.users_per_arm is None:
        return np.arange(REQUESTS_PER_ARM)
    activity = np.exp(rng.normal(0, _ACTIVITY_SIGMA, world.users_per_arm))
    return rng.choice(world.users_per_arm, REQUESTS_PER_ARM, p=activity / activity.sum())


def _quality(world: World, effect: Effect, users: NDArray[np.intp], rng: np.random.Generator) -> Floats:
    of_user = rng.normal(0, 0.06, users.max() + 1)
    # The factor comes after the cut at 1, which would take away part of the effect.
    quality = effect.quality * np.clip(0.8 + of_user[users] + rng.normal(0, 0.15, len(users)), 0, 1)
    return np.where(rng.random(len(users)) < world.rating_share, quality, np.nan)


def _add(sums: UnitSums, requests: Requests, number: int) -> None:
    quality = None if requests.quality is None else float(requests.quality[number])
    sums.add(
        _NAMES[requests.users[number]],
        cost_usd=float(requests.cost[number]),
        reference_cost_usd=None if requests.reference is None else float(requests.reference[number]),
        latency_ms=None if requests.latency_ms is None else float(requests.latency_ms[number]),
        is_error=None if requests.is_error is None else bool(requests.is_error[number]),
        quality=None if quality is None or np.isnan(quality) else quality,
    )
