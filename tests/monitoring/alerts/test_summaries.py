from datetime import timedelta

import pytest

from monitoring.models import Alert, AlertDelivery
from monitoring.services import summaries
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_a_day_is_told_once_with_its_figures() -> None:
    team = factories.team()
    for _ in range(3):
        factories.ledger_entry(team, created_at=NOON, cost_nano_usd=1_000_000_000, baseline_cost_nano_usd=4_000_000_000)
    factories.ledger_entry(team, created_at=NOON - DAY)
    factories.feedback(team, created_at=NOON, quality_score=5)

    told = [summaries.daily(now=NOON + DAY)["is_told"] for _ in range(2)]

    assert told == [True, False]
    alert = Alert.objects.get()
    assert (alert.title, alert.severity) == ("Summary of 2026-03-04", "info")
    # 9 of 12 dollars are saved.
    assert alert.message == (
        "3 requests cost 3.00 USD; 9.00 USD were saved, 75.0 % of the baseline. Before: 1 request, 0.00 USD. "
        "Most asked: openai/gpt-small (3). 1 rating, 5.00 stars on average. No alert fired."
    )
    assert set(AlertDelivery.objects.values_list("channel", flat=True)) == {"log", "email"}


def test_a_week_is_told_of_from_monday_to_sunday() -> None:
    # NOON is a Wednesday; its week began on Monday, 2 March 2026, the tenth of the year.
    factories.ledger_entry(factories.team(), created_at=NOON)
    factories.ledger_entry(factories.team(), created_at=NOON + 6 * DAY)

    found = summaries.weekly(now=NOON + 7 * DAY)

    assert (found["requests"], Alert.objects.get().title) == (1, "Report of week 10 of 2026")


def test_a_day_without_requests_says_so() -> None:
    summaries.daily(now=NOON)

    assert Alert.objects.get().message == "No request was made. No alert fired."
