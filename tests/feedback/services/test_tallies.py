"""Tallies say what the ratings say, whatever is rated and linked and in whatever order."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback.models import ChangedFeedbackDay, FeedbackTally, ResponseFeedback
from feedback.selectors import summary
from feedback.selectors import tallies as selectors
from feedback.services import linking, ratings, tallies
from feedback.services.ratings import Rater, Rating
from tests import factories

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
NEXT_WEEK = MONDAY + timedelta(days=7)


@pytest.fixture
def rater():
    api_key, _ = factories.api_key()
    return Rater(api_key.team, api_key)


def rate(rater, request_id, *, stars, day, is_correct=None):
    rating = Rating(str(request_id), stars, is_correct, None, {}, "", None, None)
    ratings.record(rater, rating, idempotency_key=None, now=MONDAY + timedelta(days=day))


Counts = Counter[tuple[object, str]]


def counted() -> Counts:
    """The second implementation: every rating read and counted in Python."""
    found: Counts = Counter()
    for row in ResponseFeedback.objects.all():
        label = (row.linked, row.pattern, row.provider, row.served_model)
        found[label, "count"] += 1
        found[label, "stars"] += row.quality_score
        found[label, "judged"] += row.is_correct is not None
        found[label, "correct"] += row.is_correct is True
    return +found


def reported() -> Counts:
    found: Counts = Counter()
    for group in selectors.groups(None):
        label = (group["linked"], group["pattern"], group["provider"], group["served_model"])
        for name in ("count", "stars", "judged", "correct"):
            found[label, name] += group[name]
    return +found


steps = st.lists(
    st.tuples(st.sampled_from(["rate", "rate", "appear", "link", "add up", "rebuild"]), st.integers(0, 5)),
    min_size=1,
    max_size=12,
)


@given(steps)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_order_of_ratings_links_and_tallies_gives_what_counting_gives(rater, steps):
    for model in (ResponseFeedback, ChangedFeedbackDay, FeedbackTally):
        model.objects.all().delete()
    rated = []
    for number, (step, day) in enumerate(steps):
        match step:
            case "rate":
                rated.append(factories.unsaved_ledger_entry(rater.team))
                rate(rater, rated[-1].request_id, stars=number % 5 + 1, day=day, is_correct=number % 3 == 0)
            case "appear":
                for entry in rated[:2]:
                    entry.save()
            case "link":
                linking.link_pending(now=NEXT_WEEK)
            case "add up":
                tallies.add_up(now=MONDAY + timedelta(days=day))
            case "rebuild":
                tallies.rebuild()
        assert reported() == counted()
    tallies.add_up(now=NEXT_WEEK)
    assert (reported(), ChangedFeedbackDay.objects.count()) == (counted(), 0)


def test_a_rating_linked_after_its_day_was_added_up_is_counted_as_linked(rater):
    entry = factories.unsaved_ledger_entry(rater.team)
    rate(rater, entry.request_id, stars=5, day=0)
    assert tallies.add_up(now=NEXT_WEEK) == 1
    assert summary.summary(rater.team).unlinked_feedback == 1

    entry.save()
    linking.link_pending(now=NEXT_WEEK)

    assert summary.summary(rater.team).unlinked_feedback == 0
    assert list(summary.summary(rater.team).by_model) == ["gpt-small"]
    assert tallies.add_up(now=NEXT_WEEK) == 1


def test_a_period_holds_the_ratings_of_its_days_of_one_team(rater):
    factories.feedback(factories.team(), created_at=MONDAY)
    for day, stars in enumerate((1, 2, 3, 4)):
        rate(rater, "unknown", stars=stars, day=day)
    tallies.add_up(now=MONDAY + timedelta(days=2))

    since, until = MONDAY + timedelta(days=1), MONDAY.replace(hour=0) + timedelta(days=3)

    # Tuesday from its tally, Wednesday from its rating.
    assert summary.summary(rater.team, since=since, until=until).total_feedback == 2
    assert summary.summary(rater.team, since=since, until=until).avg_quality_score == 2.5
    assert summary.summary(None).total_feedback == 5


def test_today_is_not_added_up(rater):
    rate(rater, "unknown", stars=5, day=0)

    assert tallies.add_up(now=MONDAY + timedelta(hours=11)) == 0
    assert tallies.add_up(now=MONDAY + timedelta(hours=13)) == 1
