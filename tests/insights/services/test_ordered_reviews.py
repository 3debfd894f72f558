"""A review that somebody ordered is done once by a worker, whatever dies between the order and its end."""

from datetime import date, timedelta

import pytest
from django.db import transaction

from accounts.models import Team
from insights import tasks
from insights.models import Finding, Review
from insights.services import reviews
from insights.services.reviews import ReviewInProgress
from jobs.models import DeadLetter, OutboxMessage
from jobs.services import attempts, clock, outbox
from tests import factories
from tests.insights.reviewed_traffic import NOW, overpowered, reviewed

pytestmark = pytest.mark.django_db


def ordered(team: Team) -> Review:
    return reviews.order(team, actor="test", now=NOW)


def delivered() -> bool:
    """Do what a worker does that was told of the order, or that found it by itself."""
    return outbox.deliver(OutboxMessage.objects.get().pk)


def found(team: Team) -> list[tuple[str, str]]:
    return list(Finding.objects.filter(team=team).values_list("fingerprint", "title"))


def test_an_ordered_review_finds_what_one_finds_that_is_waited_for() -> None:
    waited_for, team = factories.team(), factories.team()
    overpowered(waited_for)
    overpowered(team)
    reviewed(waited_for)

    review = ordered(team)
    before = (review.state, found(team))
    delivered()
    review.refresh_from_db()

    assert before == ("queued", [])
    assert (review.state, review.starts_on, review.new_findings) == (
        "succeeded",
        Review.objects.earliest("id").starts_on,
        1,
    )
    assert [title for _, title in found(team)] == [title for _, title in found(waited_for)]


def test_an_order_that_is_rolled_back_was_never_given() -> None:
    with transaction.atomic():
        ordered(factories.team())
        transaction.set_rollback(True)

    assert (Review.objects.count(), OutboxMessage.objects.count()) == (0, 0)


def test_an_order_that_no_worker_was_told_of_is_done_all_the_same() -> None:
    team = factories.team()
    overpowered(team)
    review = ordered(team)
    # As if the process had died after the commit, or the broker were away: the bell was never rung.
    was_rung_at = OutboxMessage.objects.get().rung_at

    assert delivered()

    review.refresh_from_db()
    assert (was_rung_at, review.state, len(found(team))) == (None, "succeeded", 1)


def test_a_review_whose_worker_died_is_done_by_the_next() -> None:
    team = factories.team()
    overpowered(team)
    review = ordered(team)
    Review.objects.update(state="running")
    OutboxMessage.objects.update(attempts=1, **attempts.new_lease(clock.now() - attempts.LEASE * 2))

    assert delivered()

    review.refresh_from_db()
    assert (review.state, review.new_findings, len(found(team))) == ("succeeded", 1, 1)


def test_a_message_that_comes_again_after_its_review_changes_nothing() -> None:
    review = ordered(factories.team())
    delivered()
    ended = Review.objects.get()

    tasks.ordered_review(review_id=review.id, message_id="again")

    assert Review.objects.get().finished_at == ended.finished_at


def test_an_ordered_review_that_fails_is_tried_again_and_given_up_with_its_reason() -> None:
    ordered(factories.team())
    # A window that nobody can order: what lies before it is no date.
    Review.objects.update(starts_on=date.min)

    for _ in range(4):
        OutboxMessage.objects.update(due_at=clock.now() - timedelta(seconds=1))
        with pytest.raises(OverflowError):
            delivered()

    assert Review.objects.values_list("state", "error").get() == ("failed", "OverflowError: date value out of range")
    assert DeadLetter.objects.get().name == "insights.ordered_review"


def test_a_team_has_one_review_that_waits_or_runs() -> None:
    team = factories.team()
    ordered(team)

    with pytest.raises(ReviewInProgress):
        ordered(team)
    with pytest.raises(ReviewInProgress):
        reviewed(team)


def test_an_order_that_nobody_heard_for_a_day_stands_in_nobodys_way() -> None:
    team = factories.team()
    ordered(team)

    later = reviews.order(team, actor="test", now=NOW + timedelta(days=1))

    assert list(Review.objects.order_by("id").values_list("state", flat=True)) == ["failed", "queued"]
    assert later.state == "queued"
