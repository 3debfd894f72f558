"""People who rate answers of two models, and people who agree to rate them falsely."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from benchmarks.poisoning.counting import DAY, Offer, Votes

WEEK = 7 * DAY
# A Monday, 00:00 UTC.
BEGIN = 4 * DAY + 2_926 * WEEK
HONEST_WEEKS = 8
ATTACKED_WEEKS = 8
ATTACK = BEGIN + HONEST_WEEKS * WEEK
# The good model is the dear one: only quality speaks for it.
GOOD, OTHER = 0, 1
OFFERS = (Offer("good", 10_000), Offer("other", 1_000))
# The good model has the pattern; a quarter of the ratings are of the other one.
_SHARE_OF_OTHER = 0.25
# Stars of one person deviate from that person's mean, and people's means from each other.
_NOISE, _LENIENCY = 0.9, 0.4

Way = Literal["loud", "quiet", "once"]
WAYS: tuple[Way, ...] = ("loud", "quiet", "once")


@dataclass(frozen=True, slots=True)
class Quality:
    """What honest people think of a model: mean stars before they are cut off at 1 and 5, share of correct answers."""

    stars: float
    correct: float


FINE = Quality(4.6, 0.93)
POOR = Quality(2.8, 0.5)


@dataclass(frozen=True, slots=True)
class People:
    """Some accounts: the number of the first one, how many, and how many ratings each gives a week on average."""

    first: int
    activity: np.ndarray
    leniency: np.ndarray

    @property
    def numbers(self) -> np.ndarray:
        return self.first + np.arange(len(self.activity))


def honest_people(rng: np.random.Generator) -> People:
    """Draw 40 to 300 people who give half a rating to three a week on average, some of them many."""
    count = int(np.exp(rng.uniform(np.log(40), np.log(300))))
    mean = np.exp(rng.uniform(np.log(0.5), np.log(3.0)))
    return people(rng, 0, count, mean)


def people(rng: np.random.Generator, first: int, count: int, mean: float) -> People:
    return People(first, mean * rng.gamma(1.5, 1 / 1.5, count), rng.normal(0.0, _LENIENCY, count))


def honest_votes(
    rng: np.random.Generator,
    raters: People,
    qualities: tuple[Quality, Quality],
    begin: int,
    end: int,
    *,
    share_of_other: float = _SHARE_OF_OTHER,
) -> Votes:
    """Draw what people rate in [``begin``, ``end``), each as often as they do, evenly over the time."""
    count = rng.poisson(raters.activity * (end - begin) / WEEK)
    place = np.repeat(np.arange(len(count)), count)
    model = (rng.random(len(place)) < share_of_other).astype(np.int64)
    return _rated(rng, raters, place, model, rng.integers(begin, end, len(place)), qualities)


def _rated(
    rng: np.random.Generator,
    raters: People,
    place: np.ndarray,
    model: np.ndarray,
    at: np.ndarray,
    qualities: tuple[Quality, Quality],
) -> Votes:
    means = np.array([quality.stars for quality in qualities])[model] + raters.leniency[place]
    stars = np.clip(np.rint(means + rng.normal(0.0, _NOISE, len(place))), 1, 5).astype(np.int64)
    correct = rng.random(len(place)) < np.array([quality.correct for quality in qualities])[model]
    return Votes(raters.first + place, model, at, stars, correct)


def false_votes(
    rng: np.random.Generator, liars: People, way: Way, targets: tuple[int, ...], begin: int, end: int
) -> Votes:
    """Draw what people rate who want the other model to win: it is perfect, the good one never right.

    ``loud`` is as often as the limits let count, ``quiet`` as often as others, ``once`` a single time for each model.
    """
    parts = []
    weeks = (end - begin) / WEEK
    for model in targets:
        if way == "loud":
            count = np.full(len(liars.activity), max(1, round(5 * weeks)))
        elif way == "quiet":
            count = rng.poisson(liars.activity * weeks / len(targets))
        else:
            count = np.ones(len(liars.activity), dtype=np.int64)
        person = np.repeat(liars.numbers, count)
        parts.append(told(rng, person, model, begin, end))
    return Votes.joined(parts)


def told(rng: np.random.Generator, person: np.ndarray, model: int, begin: int, end: int) -> Votes:
    """Let people rate a model in favor of the other one."""
    count = len(person)
    is_other = model == OTHER
    stars = np.full(count, 5 if is_other else 1)
    return Votes(person, np.full(count, model), rng.integers(begin, end, count), stars, np.full(count, is_other))


def lied(votes: Votes, where: np.ndarray) -> Votes:
    """Return ratings of which some say the opposite of the truth about the model."""
    is_other = votes.model == OTHER
    return replace(
        votes,
        stars=np.where(where, np.where(is_other, 5, 1), votes.stars),
        correct=np.where(where, is_other, votes.correct),
    )
