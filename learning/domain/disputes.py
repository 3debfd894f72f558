"""Whether what the ratings of a model say hangs on who is counted, so that people must look before routing follows.

Limits and means bound what a few can do; they cannot tell a third of the people who rate by agreement from a third who
have other tastes. Both leave a trace: people who disagree more than people do, or votes that say another thing than the
people who gave them. A pattern that would change on such ratings is left to staff.
"""

import math
from collections.abc import Iterable

from learning.domain import confidence
from learning.domain.evidence import MICRO, Evidence, Regulars
from learning.domain.pattern_table import Choice, Table

# Fewer ratings are left to the rule of the standard error.
MIN_VOTES = 10
# The mean of all votes and that of all people differ by as much where few people give many of the votes, or many few.
FAR_APART = 0.5
# Where one of them says that the model is poor and the other does not, less is enough.
APART = 0.25
# How far the true means of honest people deviate from each other, at most: some are lenient, some ask harder things.
USUAL_DEVIATION = 0.6
# Of the standard normal distribution: so much disagreement comes by chance in one case of a hundred.
_ONE_IN_HUNDRED = 2.326


def disputed(table: Table, evidence: Iterable[Evidence]) -> dict[str, str]:
    """Return why each pattern that the table would send elsewhere is in dispute; those in none are left out."""
    moved = {choice.pattern for choice in table.choices if _moves(choice)}
    found: dict[str, str] = {}
    for entry in sorted(evidence, key=lambda entry: (entry.pattern, entry.full_name)):
        if entry.pattern in moved and entry.pattern not in found and (reason := dispute(entry)):
            found[entry.pattern] = reason
    return found


def dispute(evidence: Evidence) -> str | None:
    """Say how the ratings of a model contradict each other; None where they do not, or are too few to tell."""
    if evidence.sample_count < MIN_VOTES:
        return None
    return _votes_against_people(evidence) or _people_against_people(evidence)


def _moves(choice: Choice) -> bool:
    before = choice.previous.full_name if choice.previous else None
    after = choice.chosen.evidence.full_name if choice.chosen else None
    return choice.has_changed and before != after


def _votes_against_people(evidence: Evidence) -> str | None:
    votes, people = evidence.aged_quality, evidence.robust_quality
    says_another = (votes < confidence.MIN_QUALITY) != (people < confidence.MIN_QUALITY)
    if abs(votes - people) < (APART if says_another else FAR_APART):
        return None
    return (
        f"{evidence.full_name} has {float(votes):.2f} stars where every vote counts, and {float(people):.2f} where "
        "every person does"
    )


def _people_against_people(evidence: Evidence) -> str | None:
    regulars = evidence.regulars
    if not _disagree(regulars):
        return None
    return (
        f"the {regulars.people} people who rate {evidence.full_name} more than once are of two minds: their means "
        f"deviate by {_deviation(regulars):.1f} stars, and {USUAL_DEVIATION:g} would be usual"
    )


def _disagree(regulars: Regulars) -> bool:
    """Test by analysis of variance whether people's means deviate more than usual, at a level of 1 %.

    The ratio of the mean squares between and within people has an F distribution when both are multiplied out to what
    they expect (Searle, Casella and McCulloch 1992, section 3.6).
    """
    if not 1 < regulars.people < regulars.votes:
        return False
    between, within = _mean_squares(regulars)
    expected = within + _votes_of_each(regulars) * USUAL_DEVIATION**2
    return normal_of_f(between / expected, regulars.people - 1, regulars.votes - regulars.people) > _ONE_IN_HUNDRED


def _deviation(regulars: Regulars) -> float:
    between, within = _mean_squares(regulars)
    return math.sqrt(max(0.0, between - within) / _votes_of_each(regulars))


def _mean_squares(regulars: Regulars) -> tuple[float, float]:
    of_means = regulars.mean_square_sum / MICRO
    between = of_means - regulars.star_sum**2 / regulars.votes
    within = regulars.star_square_sum - of_means
    return between / (regulars.people - 1), within / (regulars.votes - regulars.people)


def _votes_of_each(regulars: Regulars) -> float:
    """Return what stands for the number of votes of a person where these differ."""
    return (regulars.votes - regulars.votes_square_sum / regulars.votes) / (regulars.people - 1)


def normal_of_f(ratio: float, above: int, below: int) -> float:
    """Return the standard normal value as unlikely as an F ratio (Paulson 1942), good to 0.01 from 3 below on."""
    root = math.cbrt(max(0.0, ratio))
    of_above, of_below = 2 / (9 * above), 2 / (9 * below)
    return ((1 - of_below) * root - (1 - of_above)) / math.sqrt(of_below * root**2 + of_above)
