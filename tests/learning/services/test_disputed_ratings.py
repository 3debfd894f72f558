"""A third of the people who rate agree to run a good model down: nothing moves until staff have looked."""

from datetime import timedelta

import pytest

from accounts.models import Team
from learning.models import LearningAlert
from learning.selectors import status
from learning.services import alerts
from tests import factories
from tests.learning.rated_models import NOW, catalog, rate, retrain

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def team() -> Team:
    """Give the pattern to gpt-large, whom eight people like, and let eight others say that it is bad."""
    catalog()
    found = factories.team()
    for number in range(8):
        rate(found, 3, user_id=f"person-{number}", requested_at=factories.NOON - 9 * DAY)
    retrain(now=NOW - 8 * DAY)
    for number in range(8):
        rate(found, 3, user_id=f"liar-{number}", quality_score=1, is_correct=False, requested_at=factories.NOON - DAY)
    return found


def test_a_pattern_that_would_move_on_a_dispute_is_frozen_with_an_alert(team: Team) -> None:
    report = retrain()

    assert report.total_changes == 0
    assert [entry.why for entry in report.skipped] == [
        "frozen: the 16 people who rate openai/gpt-large more than once are of two minds: their means deviate by 2.1 "
        "stars, and 0.6 would be usual"
    ]
    assert [(alert.kind, alert.pattern) for alert in LearningAlert.objects.all()] == [("vote_dispute", "code")]
    assert status.status(None, now=NOW).frozen_patterns == ["code"]


def test_a_dry_run_tells_of_a_dispute_without_freezing(team: Team) -> None:
    report = retrain(dry_run=True)

    assert (report.total_changes, [entry.why[:15] for entry in report.skipped]) == (0, ["frozen: the 16 "])
    assert LearningAlert.objects.count() == 0


def test_a_second_run_raises_no_second_alert(team: Team) -> None:
    retrain()
    retrain(now=NOW + DAY)

    assert LearningAlert.objects.count() == 1


def test_what_staff_have_settled_is_learned_from_for_four_weeks(team: Team) -> None:
    retrain()
    alerts.resolve(LearningAlert.objects.get(), actor="ann", now=NOW)

    assert [change.action for change in retrain(dry_run=True, now=NOW + 27 * DAY).changes] == ["revoke"]
    assert retrain(dry_run=True, now=NOW + 29 * DAY).changes == ()
