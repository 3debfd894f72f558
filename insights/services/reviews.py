"""Cost reviews: look at a team's traffic, and bring its findings up to date with what is seen.

The row of a review that waits or runs is the lock, so that two of one team never overlap. What is found is written in
one transaction: a review that fails or is broken off changes no finding.
"""

import logging
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import Team
from accounts.services import features, telemetry
from accounts.services.features import Feature
from insights.domain import review as rules
from insights.domain.finding import Finding as Found
from insights.domain.observations import Observations
from insights.models import Review
from insights.selectors import observations
from insights.services import findings, invalidation, teams
from jobs.services import outbox

logger = logging.getLogger(__name__)

# The outbox's name for a review that somebody asked for.
ORDERED = "insights.ordered_review"
WINDOW_DAYS = 7
MOST_DAYS = 90
# A review takes seconds; one still running after this long was left behind by a process that ended.
LEFT_BEHIND_AFTER = timedelta(minutes=15)
# One that nobody began for so long was given up, and must not stand in the way of others.
UNHEARD_AFTER = timedelta(days=1)
_ACTOR = "schedule"
State = Review.State
Trigger = Review.Trigger


class ReviewInProgress(Exception):
    """Another review of the team has not ended."""


class ReviewTakenOver(Exception):
    """This review took so long that another has taken its place; it must change nothing."""


def run(team: Team, *, trigger: str, actor: str, now: datetime, window_days: int = WINDOW_DAYS) -> Review:
    """Review a team's traffic.

    A scheduled review looks at whole days that are over; one that somebody asks for, at today's traffic too.

    Args:
        window_days: How many UTC days to look at, from 1 to 90.

    Raises:
        ReviewInProgress: A review of the team has not ended.
    """
    starts_on, ends_before = _window(now, window_days, includes_today=trigger != Trigger.SCHEDULE)
    window = {"starts_on": starts_on, "ends_before": ends_before}
    return _do(_begin(team, State.RUNNING, now, trigger=trigger, actor=actor, **window), now)


def order(team: Team, *, actor: str, now: datetime, window_days: int = WINDOW_DAYS) -> Review:
    """Have a worker review a team's traffic, today's too; whatever becomes of this process or the broker, it is done.

    Args:
        window_days: How many UTC days to look at, from 1 to 90.

    Returns:
        The review, which waits for a worker.

    Raises:
        ReviewInProgress: A review of the team has not ended.
    """
    starts_on, ends_before = _window(now, window_days, includes_today=True)
    window = {"starts_on": starts_on, "ends_before": ends_before}
    with transaction.atomic():
        review = _begin(team, State.QUEUED, now, trigger=Trigger.API, actor=actor, **window)
        outbox.send(ORDERED, review_id=review.id)
    return review


def perform(review_id: int, *, now: datetime) -> None:
    """Do a review that was ordered, from the beginning where one before was broken off; nothing where it is done.

    Raises:
        ReviewInProgress: One that failed is tried again while another of the team has not ended.
        Exception: Whatever reviewing raises, after that has been recorded.
    """
    waiting = Review.objects.filter(id=review_id).exclude(state=State.SUCCEEDED)
    try:
        with transaction.atomic():
            is_mine = waiting.update(state=State.RUNNING, started_at=now, finished_at=None, error="")
    except IntegrityError as error:
        raise ReviewInProgress("Another review of this team has not ended.") from error
    if is_mine:
        _do(Review.objects.select_related("team").get(id=review_id), now)


def run_all(*, now: datetime) -> dict[str, Any]:
    """Review every active team whose reviews are on; one team's failure stops no other's.

    Raises:
        SomeFailed: After all teams had their turn.
    """

    def review(team: Team) -> None:
        if features.is_enabled(Feature.COST_REVIEW, team):
            run(team, trigger=Trigger.SCHEDULE, actor=_ACTOR, now=now)

    return teams.each(review, step="reviews")


def _window(now: datetime, days: int, *, includes_today: bool) -> tuple[date, date]:
    if not 1 <= days <= MOST_DAYS:
        raise ValueError(f"A review looks at 1 to {MOST_DAYS} days; {days} is none of these.")
    today = now.astimezone(UTC).date()
    ends_before = today + timedelta(days=1) if includes_today else today
    return ends_before - timedelta(days=days), ends_before


def _begin(team: Team, state: str, now: datetime, **values: Any) -> Review:
    Review.objects.filter(team=team, state=State.RUNNING, started_at__lte=now - LEFT_BEHIND_AFTER).update(
        state=State.FAILED, finished_at=now, error="It never ended: its process stopped. Another review took its place."
    )
    Review.objects.filter(team=team, state=State.QUEUED, started_at__lte=now - UNHEARD_AFTER).update(
        state=State.FAILED, finished_at=now, error="No worker began it within a day. Another review took its place."
    )
    try:
        with transaction.atomic():
            return Review.objects.create(team=team, state=state, started_at=now, **values)
    except IntegrityError as error:
        raise ReviewInProgress("A review of this team has not ended. Look at /api/reviews for its end.") from error


def _do(review: Review, now: datetime) -> Review:
    try:
        with telemetry.timed("insights_generation_duration_seconds"):
            seen = observations.gather(review.team, review.starts_on, review.ends_before)
            return _write(review, seen, rules.review(seen), now)
    except BaseException as error:
        _fail(review, error, now)
        raise


def _write(review: Review, seen: Observations, found: Iterable[Found], now: datetime) -> Review:
    with transaction.atomic():
        held = Review.objects.select_for_update(of=("self",)).get(id=review.id)
        if held.state != State.RUNNING:
            raise ReviewTakenOver(f"Review {review.id} took over 15 minutes, and another took its place.")
        changes = findings.bring_up_to_date(held, tuple(found), now)
        held.requests = sum(part.requests for part in seen.traffic)
        held.cost_nano_usd = sum(part.cost_nano_usd for part in seen.traffic)
        held.new_findings, held.again_findings = changes.new, changes.again
        held.resolved_findings, held.expired_findings = changes.resolved, changes.expired
        held.state, held.finished_at = State.SUCCEEDED, now
        held.save()
        invalidation.bump(review.team_id)
    return held


def _fail(review: Review, error: BaseException, now: datetime) -> None:
    logger.warning("Review %s of team %s failed: %s", review.id, review.team_id, type(error).__name__)
    Review.objects.filter(id=review.id, state=State.RUNNING).update(
        state=State.FAILED, finished_at=now, error=f"{type(error).__name__}: {error}"[:500]
    )
