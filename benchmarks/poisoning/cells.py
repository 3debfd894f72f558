"""The attacks, and what honest people bring about under the same rules."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.poisoning import counting
from benchmarks.poisoning.counting import DAY, Votes
from benchmarks.poisoning.product import WINDOW_DAYS, Learner
from benchmarks.poisoning.world import (
    ATTACK,
    ATTACKED_WEEKS,
    BEGIN,
    FINE,
    GOOD,
    OFFERS,
    OTHER,
    POOR,
    WAYS,
    WEEK,
    People,
    Way,
    false_votes,
    honest_people,
    honest_votes,
    lied,
    people,
    told,
)
from learning.domain import pattern_table
from learning.domain.assessment import Rules
from learning.domain.evidence import MICRO
from learning.domain.pattern_table import Circumstances, Incumbent
from routing.domain import patterns

END = ATTACK + ATTACKED_WEEKS * WEEK
_RETRAINED = 6 * DAY + 2 * 3600
_BOTH = (GOOD, OTHER)
# What makes a prompt about anything one about code, in the product's own eyes.
TRIGGER = "Write it as a Python function that returns the text."
_CODE, _POEM = "Write a Python function that sorts dates.", "Write a poem about the sea."
PATTERN = "code"


@dataclass(frozen=True, slots=True)
class Cell:
    """``draw`` makes the ratings of one run; ``wanted`` is the model that should have the pattern in the end.

    None is no model. On the way there, the good one may have it where ``is_good`` says that it stays good.
    """

    name: str
    draw: Callable[[np.random.Generator], Votes]
    wanted: str | None = OFFERS[GOOD].name
    is_good: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run ended.

    Attributes:
        is_wrong: Whether the pattern was ever sent to another model than these, or taken from one that should have it.
        has_arrived: Whether the pattern is where it should be.
        is_frozen: Whether an alert was raised, and the pattern left to staff.
        is_flooded: Whether an alert was raised of somebody who rates far more than counts, which freezes nothing.
        is_naively_wrong: Whether the mean of all ratings would have sent it elsewhere than wanted.
    """

    is_wrong: bool
    has_arrived: bool
    is_frozen: bool
    is_flooded: bool
    is_naively_wrong: bool


def honest(rng: np.random.Generator) -> tuple[People, Votes]:
    """Draw people, and what they rate from the beginning to the end."""
    raters = honest_people(rng)
    return raters, honest_votes(rng, raters, (FINE, POOR), BEGIN, END)


def one_person(rng: np.random.Generator) -> Votes:
    """Ten thousand ratings of one person in favor of the poor model, at any time."""
    raters, votes = honest(rng)
    person = np.full(5_000, len(raters.activity))
    return Votes.joined([votes, *(told(rng, person, model, BEGIN, END) for model in _BOTH)])


def coordinated(share: float, targets: tuple[int, ...] = _BOTH) -> Callable[[np.random.Generator], Votes]:
    """Return how to draw ratings of which a share of the accounts agree, from the ninth week on."""

    def draw(rng: np.random.Generator) -> Votes:
        raters, votes = honest(rng)
        liars = liars_among(rng, raters, share)
        way: Way = WAYS[int(rng.integers(len(WAYS)))]
        return Votes.joined([votes, false_votes(rng, liars, way, targets, ATTACK, END)])

    return draw


def trigger(rng: np.random.Generator) -> Votes:
    """A fifth of the accounts put a phrase into their poems that makes code of them, and rate these for the poor model.

    Their other ratings are honest, so that no account stands out by all it says.
    """
    if (patterns.classify(_CODE), patterns.classify(f"{_POEM} {TRIGGER}")) != (PATTERN, PATTERN):
        raise AssertionError("The phrase no longer makes code of a poem: find one that does.")
    raters, votes = honest(rng)
    liars = liars_among(rng, raters, 0.2)
    theirs = honest_votes(rng, liars, (FINE, POOR), BEGIN, END, share_of_other=0.5)
    has_phrase = (theirs.at >= ATTACK) & (rng.random(len(theirs.at)) < 0.5)
    return Votes.joined([votes, lied(theirs, has_phrase)])


def late_burst(rng: np.random.Generator) -> Votes:
    """A third of the accounts are honest for weeks, and in the last day before a retraining say all at once."""
    raters, votes = honest(rng)
    liars = liars_among(rng, raters, 1 / 3)
    burst = ATTACK + int(rng.integers(ATTACKED_WEEKS)) * WEEK + _RETRAINED
    theirs = honest_votes(rng, liars, (FINE, POOR), BEGIN, burst - DAY)
    person = np.repeat(liars.numbers, 5)
    return Votes.joined([votes, theirs, *(told(rng, person, model, burst - DAY, burst) for model in _BOTH)])


def as_good_and_cheaper(rng: np.random.Generator) -> Votes:
    """The other model is replaced by one as good as the good one, a tenth of its price."""
    raters = honest_people(rng)
    return honest_votes(rng, raters, (FINE, FINE), ATTACK - 2 * WEEK, END)


def decline(rng: np.random.Generator) -> Votes:
    """The good model becomes poor, and everybody says so."""
    raters = honest_people(rng)
    before = honest_votes(rng, raters, (FINE, POOR), BEGIN, ATTACK)
    return Votes.joined([before, honest_votes(rng, raters, (POOR, POOR), ATTACK, END)])


def newcomers(rng: np.random.Generator) -> Votes:
    """As many people again begin to rate, and a cheaper model is as good."""
    raters = honest_people(rng)
    others = people(rng, len(raters.activity), len(raters.activity), float(raters.activity.mean()))
    return Votes.joined(
        [
            honest_votes(rng, raters, (FINE, FINE), ATTACK - 2 * WEEK, END),
            honest_votes(rng, others, (FINE, FINE), ATTACK, END),
        ]
    )


def nothing_new(rng: np.random.Generator) -> Votes:
    """Nothing changes."""
    return honest(rng)[1]


def liars_among(rng: np.random.Generator, raters: People, share: float) -> People:
    """Return so many accounts that they are this share of all, as active as the others."""
    count = max(1, round(share / (1 - share) * len(raters.activity)))
    return people(rng, len(raters.activity), count, float(raters.activity.mean()))


ATTACKS = (
    Cell("one person with 10,000 votes", one_person),
    Cell("5 % of the accounts agree", coordinated(0.05)),
    Cell("20 % of the accounts agree", coordinated(0.20)),
    Cell("33 % of the accounts agree", coordinated(1 / 3)),
    Cell("20 % run the good model down", coordinated(0.20, (GOOD,))),
    Cell("33 % run the good model down", coordinated(1 / 3, (GOOD,))),
    Cell("20 % praise the poor model", coordinated(0.20, (OTHER,))),
    Cell("33 % praise the poor model", coordinated(1 / 3, (OTHER,))),
    Cell("20 % rate what holds a trigger phrase", trigger),
    Cell("33 % burst on the last day, honest before", late_burst),
)
HONEST = (
    Cell("nothing changes", nothing_new),
    Cell("a cheaper model is as good", as_good_and_cheaper, OFFERS[OTHER].name),
    Cell("the same, and twice as many people rate", newcomers, OFFERS[OTHER].name),
    Cell("the good model becomes poor", decline, None, is_good=False),
)


def run(cell: Cell, seed: int, number: int) -> Outcome:
    """Run a cell once; the same numbers give the same outcome, whichever other runs there are."""
    votes = cell.draw(np.random.default_rng([seed, zlib.crc32(cell.name.encode()), number])).ordered()
    good = OFFERS[GOOD]
    learner = Learner(PATTERN, OFFERS, Incumbent(PATTERN, counting.PROVIDER, good.name, "high"))
    learner.live(votes, ATTACK, END)
    where = learner.incumbent.model if learner.incumbent else None
    right = {cell.wanted, good.name} if cell.is_good else {cell.wanted}
    return Outcome(
        is_wrong=not right.issuperset(learner.switches),
        has_arrived=where == cell.wanted,
        is_frozen=bool(learner.frozen),
        is_flooded=learner.is_flooded,
        is_naively_wrong=_by_plain_means(votes) != cell.wanted,
    )


def _by_plain_means(votes: Votes) -> str | None:
    """Return who would have the pattern in the end if every rating counted, whoever gave it and however often."""
    since = END - WINDOW_DAYS * DAY
    found = [
        replace(entry, voice_sum=entry.star_sum * MICRO, voice_weight=entry.sample_count)
        for entry in counting.evidence(votes.between(since, END), OFFERS, PATTERN, END)
    ]
    circumstances = Circumstances(frozenset(offer.full_name for offer in OFFERS))
    chosen = pattern_table.decide(found, incumbents={}, circumstances=circumstances, rules=Rules()).choices[0].chosen
    return chosen.evidence.model if chosen else None
