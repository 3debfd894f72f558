"""Which ratings of one day are too unusual to learn from.

Only ratings that count are looked at, after the limits for each person and key, so that a flood which those limits
stop already neither teaches nor freezes anything.
"""

import math
from dataclasses import dataclass

DAYS_BEFORE = 28
# A deployment younger than this has no rate to be unusual by.
MIN_DAYS_OF_HISTORY = 14
MIN_VOTES_OF_DAY = 30
# A Poisson count stays within six standard deviations of its mean but for one day in hundreds of millions. Ratings come
# in bursts, so that the mean itself may treble besides.
_TIMES_MEAN = 3
_DEVIATIONS = 6
_DOMINANT_SHARE = 0.8
_USUAL_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class VoteRate:
    """How often one model was rated on one pattern: in the last day, and in the 28 days before it.

    ``days_of_history`` counts the UTC days since the first of the earlier ratings. The shares, each in
    [0, 1], are those of the person (or of the key, for unnamed ratings) who rated most in the last day.
    """

    pattern: str
    full_name: str
    votes: int
    votes_before: int
    days_of_history: int
    top_share: float
    top_share_before: float


def usual_limit(votes_before: int, days: int = DAYS_BEFORE) -> int:
    """Return how many ratings a day may bring after so many days with this many: 3 means and 6 roots of the mean."""
    mean = votes_before / days
    return max(MIN_VOTES_OF_DAY, math.ceil(_TIMES_MEAN * mean + _DEVIATIONS * math.sqrt(mean)))


def anomaly(rate: VoteRate) -> str | None:
    """Say what is unusual about the last day's ratings; None when nothing is, or too little is known to tell."""
    if rate.votes < MIN_VOTES_OF_DAY or rate.days_of_history < MIN_DAYS_OF_HISTORY:
        return None
    # A model that was first rated two weeks ago has had two weeks to be rated in.
    days = min(DAYS_BEFORE, rate.days_of_history)
    limit = usual_limit(rate.votes_before, days)
    if rate.votes > limit:
        return (
            f"{rate.votes} ratings of {rate.full_name} in a day, after {rate.votes_before} in the {days} days "
            f"before; at most {limit} would be usual"
        )
    if rate.top_share > _DOMINANT_SHARE and rate.top_share_before < _USUAL_SHARE:
        return (
            f"one person or key gave {rate.top_share:.0%} of a day's {rate.votes} ratings of {rate.full_name}, and "
            f"{rate.top_share_before:.0%} of those before"
        )
    return None
