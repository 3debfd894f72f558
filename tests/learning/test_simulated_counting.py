"""What ``benchmarks.poisoning`` adds up in memory is what the database adds up of the same ratings."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from benchmarks.poisoning import counting
from benchmarks.poisoning.counting import DAY, Offer, Votes
from feedback.models import ResponseFeedback
from learning.selectors import evidence, vote_floods, votes_over_time
from tests import factories

pytestmark = pytest.mark.django_db

OFFERS = (Offer("good", 10_000), Offer("other", 1_000))
# A Sunday at 02:00 UTC, when the product retrains.
NOW = datetime(2026, 3, 1, 2, tzinfo=UTC)
UNTIL = int(NOW.timestamp())


@pytest.fixture
def votes() -> Votes:
    """Store ratings of eight people over fourteen weeks, more of them than count, and of many more in the last day."""
    rng = np.random.default_rng(5)
    # No two at the same moment: which of such is the earlier one is left to the ids of requests.
    at = UNTIL - 98 * DAY + rng.permutation(98 * DAY)[:900]
    at[:80] = UNTIL - 1 - rng.permutation(DAY - 1)[:80]
    person, model, stars = rng.integers(8, size=900), rng.integers(2, size=900), rng.integers(1, 6, size=900)
    person[:80] = np.arange(80) % 40
    return store(Votes(person, model, at, stars, stars > 2))


def store(made: Votes) -> Votes:
    team = factories.team()
    ResponseFeedback.objects.bulk_create(
        factories.unsaved_feedback(
            team,
            user_id=f"person-{person:03d}",
            pattern="code",
            served_model=OFFERS[model].name,
            requested_at=datetime.fromtimestamp(int(at), UTC),
            created_at=datetime.fromtimestamp(int(at), UTC),
            quality_score=int(stars),
            is_correct=bool(correct),
            cost_nano_usd=OFFERS[model].cost_nano_usd,
        )
        for person, model, at, stars, correct in zip(
            made.person, made.model, made.at, made.stars, made.correct, strict=True
        )
    )
    return made.ordered()


def test_evidence_is_that_of_the_database(votes: Votes) -> None:
    counted = counting.countable(votes, UNTIL - 90 * DAY, UNTIL)
    simulated = counting.evidence(counted, OFFERS, "code", UNTIL)

    assert simulated == evidence.gather(team=None, since=NOW - timedelta(days=90), until=NOW)
    # The limits left something out, and some people rated more than once.
    assert len(counted.at) < np.count_nonzero(votes.at >= UNTIL - 90 * DAY)
    assert min(entry.regulars.people for entry in simulated) >= 8


def test_rates_are_those_of_the_database(votes: Votes) -> None:
    simulated = list(counting.rates(votes, OFFERS, "code", UNTIL))

    assert simulated == votes_over_time.busy_rates(None, now=NOW)
    assert {rate.days_of_history for rate in simulated} == {28}


def test_floods_are_those_of_the_database(votes: Votes) -> None:
    assert (counting.has_flood(votes, UNTIL), vote_floods.floods(None, now=NOW)) == (False, [])
    ones = np.ones(60, dtype=np.int64)
    flood = store(Votes(900 * ones, ones, UNTIL - 1 - np.arange(60), 5 * ones, ones > 0))

    assert counting.has_flood(Votes.joined([votes, flood]).ordered(), UNTIL)
    assert [found.ratings for found in vote_floods.floods(None, now=NOW)] == [60]
