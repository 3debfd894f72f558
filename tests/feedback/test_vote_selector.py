from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import Avg, Count
from django.test.utils import CaptureQueriesContext

from accounts.models import Team
from feedback.models import ResponseFeedback
from feedback.selectors import votes
from tests import factories

pytestmark = pytest.mark.django_db

NOON = factories.NOON  # Wednesday, 4 March 2026
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
SINCE, UNTIL = NOON - timedelta(days=90), NOON + timedelta(days=30)


@pytest.fixture
def team() -> Team:
    return factories.team()


def counted(team: Team | None = None, since: datetime = SINCE, until: datetime = UNTIL) -> list[int]:
    return sorted(votes.countable(team=team, since=since, until=until).values_list("id", flat=True))


def give(team: Team, count: int, **fields: object) -> list[int]:
    """Store ratings of as many requests, a second apart, and return their ids."""
    rows = [
        factories.unsaved_feedback(
            team,
            **{"requested_at": NOON + timedelta(seconds=number), "created_at": NOON + timedelta(hours=1), **fields},
        )
        for number in range(count)
    ]
    return [row.id for row in ResponseFeedback.objects.bulk_create(rows)]


def test_ten_unnamed_ratings_of_ten_requests_count_ten(team: Team) -> None:
    given = give(team, 10)

    assert counted() == given


def test_thousand_ratings_of_one_user_count_five(team: Team) -> None:
    given = give(team, 1_000, user_id="eve")

    assert counted() == given[:5]


def test_five_users_count_five_each(team: Team) -> None:
    for name in "abcde":
        give(team, 7, user_id=name)

    assert len(counted()) == 25


def test_same_name_in_two_teams_is_two_people(team: Team) -> None:
    give(team, 6, user_id="ann")
    give(factories.team(), 6, user_id="ann")

    assert len(counted()) == 10


@pytest.mark.parametrize("other", [{"pattern": "code"}, {"provider": "azure"}, {"served_model": "gpt-large"}])
def test_five_votes_are_for_each_pattern_provider_and_model(team: Team, other: dict[str, str]) -> None:
    give(team, 6, user_id="ann")
    give(team, 6, user_id="ann", **other)

    assert len(counted()) == 10


def test_week_begins_on_monday_in_utc(team: Team) -> None:
    requested_at = MONDAY - timedelta(days=3)
    last_week = give(team, 6, user_id="ann", requested_at=requested_at, created_at=MONDAY - timedelta(microseconds=1))
    this_week = give(team, 6, user_id="ann", requested_at=requested_at, created_at=MONDAY)
    sunday = give(
        team, 6, user_id="ann", requested_at=requested_at, created_at=MONDAY + timedelta(days=6, hours=23, minutes=59)
    )

    found = counted()

    assert len(set(found) & set(last_week)) == 5
    assert len(set(found) & set(this_week + sunday)) == 5


def test_latest_rating_of_a_request_by_a_user_counts(team: Team) -> None:
    first = factories.feedback(team, user_id="ann", quality_score=1)
    same = {"ledger_request_id": first.ledger_request_id, "user_id": "ann"}
    latest = factories.feedback(team, **same, quality_score=5, created_at=NOON + timedelta(minutes=2))
    factories.feedback(team, **same, quality_score=3, created_at=NOON + timedelta(minutes=1))

    assert counted() == [latest.id]


def test_of_ratings_at_the_same_moment_the_last_stored_counts(team: Team) -> None:
    first = factories.feedback(team)
    last = factories.feedback(team, ledger_request_id=first.ledger_request_id)

    assert counted() == [last.id]


def test_two_users_may_rate_the_same_request(team: Team) -> None:
    first = factories.feedback(team, user_id="ann")
    second = factories.feedback(team, ledger_request_id=first.ledger_request_id, user_id="bob")

    assert counted() == [first.id, second.id]


def test_unnamed_ratings_of_a_request_are_one_persons(team: Team) -> None:
    ours, _ = factories.api_key(team)
    first = factories.feedback(team, api_key=ours)
    last = factories.feedback(team, ledger_request_id=first.ledger_request_id)

    assert counted() == [last.id]


def test_rating_again_changes_a_vote_and_not_whose_votes_count(team: Team) -> None:
    give(team, 5, user_id="ann", quality_score=5)
    sixth = give(team, 1, user_id="ann", requested_at=NOON + timedelta(seconds=9))
    before = set(ResponseFeedback.objects.filter(id__in=counted()).values_list("ledger_request_id", flat=True))

    for rating in ResponseFeedback.objects.exclude(id__in=sixth):
        factories.feedback(
            team,
            user_id="ann",
            ledger_request_id=rating.ledger_request_id,
            requested_at=rating.requested_at,
            created_at=NOON + timedelta(hours=2),
            quality_score=1,
        )

    after = ResponseFeedback.objects.filter(id__in=counted())
    assert set(after.values_list("ledger_request_id", flat=True)) == before
    assert set(after.values_list("quality_score", flat=True)) == {1}


def test_where_a_limit_leaves_some_out_the_earliest_requests_count(team: Team) -> None:
    late = give(team, 5, user_id="ann", requested_at=NOON + timedelta(minutes=30))
    early = give(team, 2, user_id="ann", requested_at=NOON)

    found = counted()

    assert set(early) < set(found)
    assert len(set(found) & set(late)) == 3


def test_requests_of_the_same_moment_count_in_the_order_of_their_ids(team: Team) -> None:
    ids = [UUID(int=number) for number in (7, 3, 5, 1, 2, 6, 4)]
    for request_id in ids:
        factories.feedback(team, user_id="ann", ledger_request_id=request_id)

    found = ResponseFeedback.objects.filter(id__in=counted()).values_list("ledger_request_id", flat=True)

    assert set(found) == {UUID(int=number) for number in (1, 2, 3, 4, 5)}


def test_fifty_unnamed_ratings_a_day_of_a_key_count(team: Team) -> None:
    one, _ = factories.api_key(team)
    other, _ = factories.api_key(team)
    given = give(team, 60, api_key=one)
    give(team, 51, api_key=other)
    give(team, 3, api_key=one, created_at=NOON + timedelta(days=1))

    found = counted()

    assert len(found) == 50 + 50 + 3
    assert set(given[:50]) < set(found)


def test_named_ratings_do_not_use_up_the_unnamed_ones(team: Team) -> None:
    key, _ = factories.api_key(team)
    give(team, 50, api_key=key)
    for number in range(20):
        give(team, 1, api_key=key, user_id=f"user-{number}")

    assert len(counted()) == 70


@pytest.mark.parametrize(
    "fields",
    [
        {"linked": False, "ledger_request_id": None},
        {"created_at": NOON - timedelta(seconds=1)},
        {"created_at": SINCE - timedelta(seconds=1), "requested_at": SINCE - timedelta(seconds=1)},
        {"requested_at": SINCE - timedelta(seconds=1)},
        {"created_at": UNTIL},
        {"experiment_id": 1},
        {"provider": None, "served_model": None},
    ],
    ids=["unlinked", "before-request", "too-old", "old-request", "not-yet", "experiment", "unanswered"],
)
def test_what_learning_may_not_count(team: Team, fields: dict[str, object]) -> None:
    factories.feedback(team, **fields)

    assert counted() == []


def test_bounds_of_the_time_are_exact(team: Team) -> None:
    first = factories.feedback(team, requested_at=SINCE, created_at=SINCE)
    last = factories.feedback(team, created_at=UNTIL - timedelta(microseconds=1))

    assert counted() == [first.id, last.id]


def test_cached_fallback_and_stand_in_answers_count(team: Team) -> None:
    given = [
        factories.feedback(team, is_cache_hit=True),
        factories.feedback(team, is_fallback=True),
        factories.feedback(team, provider="simulated"),
    ]

    assert counted() == [row.id for row in given]


def test_team_that_learns_alone_is_in_its_own_evidence_only(team: Team) -> None:
    alone = factories.team(learns_alone=True)
    shared, own = factories.feedback(team), factories.feedback(alone)

    assert counted() == [shared.id]
    assert counted(alone) == [own.id]
    assert counted(team) == [shared.id]


def test_result_can_be_grouped_and_asked_for_with_one_query(team: Team) -> None:
    give(team, 9, user_id="ann", quality_score=5)
    give(team, 2, pattern="code", quality_score=2)

    with CaptureQueriesContext(connection) as queries:
        found = votes.countable(team=None, since=SINCE, until=UNTIL)
        groups = list(found.values("pattern").annotate(n=Count("id"), avg=Avg("quality_score")).order_by("pattern"))

    assert groups == [{"pattern": "code", "n": 2, "avg": 2.0}, {"pattern": "general", "n": 5, "avg": 5.0}]
    assert len(queries) == 1
