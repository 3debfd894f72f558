from typing import Any

import pytest

from learning.domain.vote_rates import VoteRate, anomaly, usual_limit


def rate(**fields: Any) -> VoteRate:
    values: dict[str, Any] = {
        "pattern": "code",
        "full_name": "openai/a",
        "votes": 30,
        "votes_before": 280,
        "days_of_history": 28,
        "top_share": 0.1,
        "top_share_before": 0.1,
        **fields,
    }
    return VoteRate(**values)


@pytest.mark.parametrize(
    ("before", "limit"),
    [
        # Means 0, 1, 10 and 100 a day: 3·m + 6·√m, and never under 30.
        (0, 30),
        (28, 30),
        (280, 49),
        (2800, 360),
    ],
)
def test_the_usual_limit_grows_with_the_mean_and_its_root(before: int, limit: int) -> None:
    assert usual_limit(before) == limit


def test_a_day_within_the_limit_is_usual() -> None:
    assert anomaly(rate(votes=49)) is None


def test_a_day_over_the_limit_is_not() -> None:
    assert anomaly(rate(votes=50)) == (
        "50 ratings of openai/a in a day, after 280 in the 28 days before; at most 49 would be usual"
    )


def test_a_new_deployment_is_never_unusual() -> None:
    assert anomaly(rate(votes=10_000, votes_before=0, days_of_history=0)) is None
    assert anomaly(rate(votes=10_000, votes_before=10, days_of_history=13)) is None


def test_few_ratings_are_never_unusual() -> None:
    assert anomaly(rate(votes=29, votes_before=0, top_share=1.0, top_share_before=0.0)) is None


def test_one_person_who_suddenly_gives_most_ratings_is_unusual() -> None:
    assert anomaly(rate(top_share=0.9, top_share_before=0.1)) == (
        "one person or key gave 90% of a day's 30 ratings of openai/a, and 10% of those before"
    )


def test_the_only_key_of_a_deployment_is_not() -> None:
    assert anomaly(rate(top_share=1.0, top_share_before=1.0)) is None
    assert anomaly(rate(top_share=0.8, top_share_before=0.0)) is None
