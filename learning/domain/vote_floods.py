"""Who gives far more ratings than can count.

The limits keep such ratings from teaching anything, so nothing is frozen: a freeze would let whoever rates much keep a
pattern from being learned. But somebody should ask who it is. It may be an attack, or a program whose judgements would
be worth more as evaluation outcomes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from feedback.domain.vote_limits import UNNAMED_VOTES_PER_KEY_AND_DAY, VOTES_PER_USER_GROUP_AND_WEEK

# Ten times what may count: nobody who means well gets there by zeal alone.
_TIMES_LIMIT = 10
PER_PERSON_AND_DAY = _TIMES_LIMIT * VOTES_PER_USER_GROUP_AND_WEEK
PER_KEY_AND_DAY = _TIMES_LIMIT * UNNAMED_VOTES_PER_KEY_AND_DAY


@dataclass(frozen=True, slots=True)
class Flood:
    """The ratings that one person gave one model on one pattern in a day, or a key without naming anybody.

    Of a key, ``pattern`` and ``full_name`` are empty: its limit is over all of them together.
    """

    ratings: int
    team_id: int
    pattern: str = ""
    full_name: str = ""
    user_id: str | None = None
    api_key_id: int | None = None


def message(floods: Sequence[Flood]) -> str:
    """Say of floods of one pattern, or of keys, how large they are and what comes of them."""
    most = max(flood.ratings for flood in floods)
    # One person may flood several models.
    callers = len({(flood.team_id, flood.user_id, flood.api_key_id) for flood in floods})
    if floods[0].user_id is None:
        who, limit = _counted(callers, "key", "keys"), f"{UNNAMED_VOTES_PER_KEY_AND_DAY} a day"
        what = "ratings without a user_id"
    else:
        who, limit = _counted(callers, "person", "people"), f"{VOTES_PER_USER_GROUP_AND_WEEK} a week"
        what = "ratings of one model"
    return (
        f"{who} gave up to {most:,} {what} in a day, of which {limit} count. Nothing is frozen: ask who it is, and "
        "import judgements of a program as evaluation outcomes instead."
    )


def _counted(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"
