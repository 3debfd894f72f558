from typing import Any

import pytest
from scipy import stats

from learning.domain import disputes, pattern_table
from learning.domain.assessment import Rules
from learning.domain.evidence import MICRO, Evidence, Regulars
from learning.domain.pattern_table import Circumstances, Incumbent
from tests.learning.domain.evidence_of import evidence


def people(*ratings: list[int], **fields: Any) -> Evidence:
    """Sum up the ratings of named people of the last month, a list of stars for each of them."""
    stars = [star for of_person in ratings for star in of_person]
    often = [of_person for of_person in ratings if len(of_person) > 1]
    regulars = Regulars(
        people=len(often),
        votes=sum(len(each) for each in often),
        votes_square_sum=sum(len(each) ** 2 for each in often),
        star_sum=sum(sum(each) for each in often),
        star_square_sum=sum(star**2 for each in often for star in each),
        mean_square_sum=sum(MICRO * sum(each) ** 2 // len(each) for each in often),
    )
    voices = sum(MICRO * sum(each) // len(each) for each in ratings)
    values = {"voice_sum": voices, "voice_weight": len(ratings), "distinct_users": len(ratings), "regulars": regulars}
    return evidence(stars, **{**values, **fields})


HONEST = [[5, 4, 5], [4, 5, 4], [5, 5, 4], [4, 4, 5], [5, 5, 5], [4, 4, 4]] * 4
AGREED = [[1, 1, 1]] * 12


def test_people_who_like_what_they_get_are_in_no_dispute() -> None:
    assert disputes.dispute(people(*HONEST)) is None


def test_lenient_and_strict_people_are_in_no_dispute() -> None:
    # Means of 4 and 5 stars, half of the people each: they deviate by half a star.
    assert disputes.dispute(people(*[[5, 5, 5], [4, 4, 4]] * 12)) is None


def test_third_of_the_people_who_say_the_opposite_are_a_dispute() -> None:
    assert disputes.dispute(people(*HONEST, *AGREED)) == (
        "the 36 people who rate openai/a more than once are of two minds: their means deviate by 1.7 stars, and 0.6 "
        "would be usual"
    )


def test_one_person_who_outvotes_the_others_is_a_dispute() -> None:
    # Ten people with five stars each and one with 30 of one star: 80 of 40 votes, 51 of 11 people.
    assert disputes.dispute(people(*[[5]] * 10, [1] * 30)) == (
        "openai/a has 2.00 stars where every vote counts, and 4.64 where every person does"
    )


def test_many_who_come_once_against_those_who_stay_are_a_dispute() -> None:
    # 20 people with ten good ratings each, 20 accounts with one bad one: 4.64 stars by votes, 3 by people.
    assert disputes.dispute(people(*[[5] * 10] * 20, *[[1]] * 20)) == (
        "openai/a has 4.64 stars where every vote counts, and 3.00 where every person does"
    )


def test_few_ratings_are_in_no_dispute() -> None:
    assert disputes.dispute(people([5, 5, 5], [1, 1, 1], [5, 5, 5])) is None


def test_unnamed_ratings_are_in_no_dispute() -> None:
    assert disputes.dispute(evidence([5] * 10 + [1] * 10)) is None


@pytest.mark.parametrize(
    ("incumbent", "disputed"),
    [
        # The good model would lose the pattern: people must look.
        (Incumbent("code", "openai", "a", "high"), {"code"}),
        # No model has it, and none would get it: there is nothing to look at.
        (None, set()),
    ],
)
def test_only_a_pattern_that_would_move_is_left_to_staff(incumbent: Incumbent | None, disputed: set[str]) -> None:
    found = [people(*HONEST, *[[1] * 3] * 16)]
    table = pattern_table.decide(
        found,
        incumbents={"code": incumbent} if incumbent else {},
        circumstances=Circumstances(frozenset({"openai/a"})),
        rules=Rules(),
    )

    assert set(disputes.disputed(table, found)) == disputed


@pytest.mark.parametrize("above", [5, 29, 199])
@pytest.mark.parametrize("below", [20, 150, 2400])
def test_level_of_the_test_is_that_of_the_f_distribution(above: int, below: int) -> None:
    quantile = float(stats.f.ppf(0.99, above, below))

    assert disputes.normal_of_f(quantile, above, below) == pytest.approx(2.326, abs=0.02)
