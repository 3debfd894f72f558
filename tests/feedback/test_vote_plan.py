"""How PostgreSQL looks for the ratings that count."""

from datetime import timedelta

import pytest
from django.utils import timezone

from feedback.selectors import votes

pytestmark = pytest.mark.django_db


def test_ratings_that_count_are_found_once_whatever_the_statistics_say() -> None:
    now = timezone.now()

    plan = votes.countable(team=None, since=now - timedelta(days=90), until=now).explain()

    # An ordinary IN is joined, by walking one side for every row of the other where the tables looked empty.
    assert "InitPlan" in plan
    assert "Semi Join" not in plan
