"""Weighs and adds up simulated ratings as the database does (`feedback.selectors.votes`, `learning.selectors`).

A test holds both against each other. Ratings are of one team, each of a request of its own made at the same moment.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta

import numpy as np

from feedback.domain.vote_limits import VOTES_PER_USER_GROUP_AND_WEEK
from learning.domain import aging
from learning.domain.evidence import MICRO, MIN_ROWS, Evidence, Regulars
from learning.domain.vote_floods import PER_PERSON_AND_DAY
from learning.domain.vote_rates import DAYS_BEFORE, MIN_VOTES_OF_DAY, VoteRate

DAY = 86_400
PROVIDER = "openai"


@dataclass(frozen=True, slots=True)
class Offer:
    """A model and what each of its answers costs."""

    name: str
    cost_nano_usd: int

    @property
    def full_name(self) -> str:
        return f"{PROVIDER}/{self.name}"


@dataclass(frozen=True, slots=True)
class Votes:
    """Ratings as columns of the same length: who, of which model, when (seconds of UTC), how many stars, correct.

    They are counted in the order of time, see ``ordered``.
    """

    person: np.ndarray
    model: np.ndarray
    at: np.ndarray
    stars: np.ndarray
    correct: np.ndarray

    def ordered(self) -> "Votes":
        """Return them in the order of time."""
        return self.where(np.argsort(self.at, kind="stable"))

    def between(self, since: int, until: int) -> "Votes":
        """Return those of [``since``, ``until``), of votes in the order of time."""
        return self.where(slice(*np.searchsorted(self.at, (since, until))))

    def where(self, chosen: np.ndarray | slice) -> "Votes":
        return Votes(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @staticmethod
    def joined(parts: "Sequence[Votes]") -> "Votes":
        return Votes(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Votes)))


def countable(votes: Votes, since: int, until: int) -> Votes:
    """Return those of [``since``, ``until``) that count: of a person, model and ISO week the earliest five."""
    found = votes.between(since, until)
    week = (found.at // DAY + 3) // 7
    group = (found.person * 1_000 + found.model) * 100_000 + week
    order = np.argsort(group, kind="stable")
    group = group[order]
    begins = np.flatnonzero(np.r_[True, group[1:] != group[:-1]]) if len(group) else np.zeros(0, dtype=np.int64)
    place = np.arange(len(group)) - np.repeat(begins, np.diff(np.r_[begins, len(group)]))
    return found.where(np.sort(order[place < VOTES_PER_USER_GROUP_AND_WEEK]))


def evidence(counted: Votes, offers: Sequence[Offer], pattern: str, until: int) -> tuple[Evidence, ...]:
    """Sum up ratings that count, by model."""
    found = []
    for number, offer in enumerate(offers):
        votes = counted.where(counted.model == number)
        if len(votes.stars) >= MIN_ROWS:
            found.append(_evidence(votes, offer, pattern, until))
    return tuple(found)


def rates(votes: Votes, offers: Sequence[Offer], pattern: str, now: int) -> Iterator[VoteRate]:
    """Yield the rates of the models that were rated often enough in the last day to be judged."""
    day = now - DAY
    if _most(votes.between(day, now)) < MIN_VOTES_OF_DAY:
        return
    counted = countable(votes, day - DAYS_BEFORE * DAY, now)
    for number, offer in enumerate(offers):
        rated = counted.where(counted.model == number)
        if np.count_nonzero(rated.at >= day) >= MIN_VOTES_OF_DAY:
            yield _rate(rated, offer, pattern, day)


def has_flood(votes: Votes, now: int) -> bool:
    """Say whether one person gave far more ratings of one model in the last day than can count."""
    lately = votes.between(now - DAY, now)
    _, counts = np.unique(lately.person * 1_000 + lately.model, return_counts=True)
    return bool((counts > PER_PERSON_AND_DAY).any())


def _most(lately: Votes) -> int:
    """Return how many of a day's ratings of a model can count at most: a day is part of two weeks at most."""
    _, places, counts = np.unique(lately.person * 1_000 + lately.model, return_index=True, return_counts=True)
    most = np.bincount(lately.model[places], np.minimum(counts, 2 * VOTES_PER_USER_GROUP_AND_WEEK))
    return int(most.max(initial=0))


def _evidence(votes: Votes, offer: Offer, pattern: str, until: int) -> Evidence:
    _, person = np.unique(votes.person, return_inverse=True)
    weight = weights(until - votes.at)
    count, stars, squares, weighted, weighed = (
        _sums(person, values)
        for values in (np.ones_like(person), votes.stars, votes.stars**2, weight * votes.stars, weight)
    )
    newest = np.zeros(len(count), dtype=np.int64)
    np.maximum.at(newest, person, weight)
    cost = offer.cost_nano_usd * len(votes.stars)
    return Evidence(
        pattern=pattern,
        provider=PROVIDER,
        model=offer.name,
        sample_count=len(votes.stars),
        star_sum=int(stars.sum()),
        star_square_sum=int(squares.sum()),
        correct_count=int(votes.correct.sum()),
        judged_count=len(votes.correct),
        distinct_users=len(count),
        voice_sum=int((newest * (MICRO * weighted // weighed)).sum()),
        voice_weight=int(newest.sum()),
        aged_star_sum=int(weighted.sum()),
        aged_weight=int(weighed.sum()),
        regulars=_regulars(count, stars, squares),
        cost_count=len(votes.stars),
        cost_nano_usd=cost,
        new_price_count=len(votes.stars),
        new_price_nano_usd=cost,
    )


def _regulars(count: np.ndarray, stars: np.ndarray, squares: np.ndarray) -> Regulars:
    often = count > 1
    n, s = count[often], stars[often]
    sums = (len(n), n.sum(), (n * n).sum(), s.sum(), squares[often].sum(), (MICRO * s * s // n).sum())
    return Regulars(*(int(value) for value in sums))


def weights(age_seconds: np.ndarray) -> np.ndarray:
    """Return how much ratings of these ages weigh."""
    found = np.full(len(age_seconds), aging.OLDEST, dtype=np.int64)
    for age, weight in reversed(aging.steps()):
        found[age_seconds < age / timedelta(seconds=1)] = weight
    return found


def _sums(person: np.ndarray, values: np.ndarray) -> np.ndarray:
    sums = np.zeros(int(person.max()) + 1, dtype=np.int64)
    np.add.at(sums, person, values)
    return sums


def _rate(votes: Votes, offer: Offer, pattern: str, day: int) -> VoteRate:
    _, person = np.unique(votes.person, return_inverse=True)
    is_last = (votes.at >= day).astype(np.int64)
    last, before = _sums(person, is_last), _sums(person, 1 - is_last)
    top = np.lexsort((before, last))[-1]
    earlier = votes.at[is_last == 0]
    return VoteRate(
        pattern=pattern,
        full_name=offer.full_name,
        votes=int(last.sum()),
        votes_before=int(before.sum()),
        days_of_history=int(day // DAY - earlier.min() // DAY) if len(earlier) else 0,
        top_share=float(last[top] / last.sum()),
        top_share_before=float(before[top] / before.sum()) if before.sum() else 0.0,
    )
