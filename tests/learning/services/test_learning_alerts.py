from datetime import timedelta
from typing import Any

import pytest

from accounts.models import Team
from learning.domain.vote_floods import PER_KEY_AND_DAY, PER_PERSON_AND_DAY
from learning.models import LearningAlert, RetrainingRun
from learning.services import alerts
from tests import factories
from tests.learning.rated_models import NOW, catalog, rate, retrain

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def history(team: Team, per_day: int, days: int = 28, **fields: Any) -> None:
    """Rate every day before today's noon."""
    for day in range(1, days + 1):
        rate(team, per_day, requested_at=factories.NOON - day * DAY, **fields)


def test_a_burst_of_ratings_freezes_its_pattern_once() -> None:
    team = factories.team()
    history(team, 1)
    rate(team, 40)

    assert [alert.pattern for alert in alerts.freeze_unusual(None, now=NOW)] == ["code"]
    assert alerts.freeze_unusual(None, now=NOW) == []
    assert list(alerts.frozen(None)) == ["code"]


def test_the_first_ratings_of_a_deployment_freeze_nothing() -> None:
    team = factories.team()
    history(team, 5, days=10)
    rate(team, 50)

    assert alerts.freeze_unusual(None, now=NOW) == []


def test_a_burst_of_one_person_is_stopped_by_the_limits_and_freezes_nothing() -> None:
    team = factories.team()
    history(team, 1)
    rate(team, 1_000, user_id="eve", quality_score=1)

    assert alerts.freeze_unusual(None, now=NOW) == []


def test_a_flood_of_one_person_is_told_once_and_freezes_nothing() -> None:
    team = factories.team()
    rate(team, 1_000, user_id="eve", quality_score=1)
    rate(team, 60, user_id="eve", quality_score=5, served_model="gpt-small")
    rate(team, PER_PERSON_AND_DAY, user_id="zealous")

    [alert] = alerts.watch(now=NOW)

    assert (alert.kind, alert.pattern, alert.details["floods"]) == ("vote_flood", "code", 2)
    assert alert.message.startswith("1 person gave up to 1,000 ratings of one model in a day, of which 5 a week count")
    told = [
        (flood["team_id"], flood["user_id"], flood["full_name"], flood["ratings"]) for flood in alert.details["largest"]
    ]
    assert told == [(team.id, "eve", "openai/gpt-large", 1_000), (team.id, "eve", "openai/gpt-small", 60)]
    assert alerts.frozen(None) == {}
    assert alerts.watch(now=NOW) == []


def test_ratings_of_the_day_before_are_no_flood() -> None:
    rate(factories.team(), 1_000, user_id="eve", requested_at=NOW - DAY - timedelta(seconds=1))

    assert alerts.tell_of_floods(None, now=NOW) == []


def test_a_flood_without_names_is_told_of_its_key() -> None:
    team = factories.team()
    ours, theirs = factories.api_key(team)[0], factories.api_key(team)[0]
    rate(team, PER_KEY_AND_DAY, api_key=ours)
    rate(team, PER_KEY_AND_DAY // 2, api_key=theirs)
    rate(team, PER_KEY_AND_DAY // 2 + 1, api_key=theirs, pattern="analysis")

    [alert] = alerts.tell_of_floods(None, now=NOW)

    assert (alert.pattern, [told["api_key_id"] for told in alert.details["largest"]]) == ("", [theirs.id])
    assert alert.message.startswith("1 key gave up to 501 ratings without a user_id in a day, of which 50 a day count")


def test_a_flood_that_staff_know_is_told_again_after_four_weeks() -> None:
    team = factories.team()
    rate(team, 60, user_id="nightly evaluation")
    [alert] = alerts.tell_of_floods(None, now=NOW)
    alerts.resolve(alert, actor="ann", now=NOW)
    later = NOW + alerts.SETTLED_FOR
    rate(team, 60, user_id="nightly evaluation", requested_at=later - DAY / 2)

    assert alerts.tell_of_floods(None, now=later - timedelta(seconds=1)) == []
    assert len(alerts.tell_of_floods(None, now=later)) == 1


def test_floods_of_a_team_that_learns_alone_are_told_of_its_own_policy() -> None:
    alone = factories.team(learns_alone=True)
    rate(alone, 60, user_id="eve")

    assert [(alert.team, alert.kind) for alert in alerts.watch(now=NOW)] == [(alone, "vote_flood")]


def test_a_key_that_suddenly_gives_most_ratings_freezes_the_pattern() -> None:
    team = factories.team()
    ours, theirs = factories.api_key(team)[0], factories.api_key(team)[0]
    history(team, 10, api_key=ours)
    rate(team, 45, api_key=theirs)

    found = alerts.freeze_unusual(None, now=NOW)

    # The day is also within what is usual after ten a day (49).
    assert [alert.message[:35] for alert in found] == ["one person or key gave 100% of a da"]


def test_a_frozen_pattern_keeps_its_override_until_staff_resolve() -> None:
    catalog()
    team = factories.team()
    rate(team, 12, requested_at=factories.NOON - 20 * DAY)
    retrain(now=NOW - 19 * DAY)
    rate(team, 45, quality_score=1)

    frozen = retrain()

    assert frozen.total_changes == 0
    assert [entry.why[:8] for entry in frozen.skipped] == ["frozen: "]
    alert = LearningAlert.objects.get()
    assert alerts.resolve(alert, actor="ann", now=NOW)
    assert not alerts.resolve(alert, actor="bob", now=NOW)
    alert.refresh_from_db()
    assert alert.resolved_by == "ann"
    # A day later the burst is no longer of the last day.
    assert [change.action for change in retrain(now=NOW + DAY).changes] == ["revoke"]


def test_a_dry_run_tells_of_a_freeze_without_freezing() -> None:
    catalog()
    team = factories.team()
    history(team, 1, days=20)
    rate(team, 45)

    found = retrain(dry_run=True)

    assert [entry.why[:8] for entry in found.skipped] == ["frozen: "]
    assert LearningAlert.objects.count() == 0


def changed_run(team: Team) -> RetrainingRun:
    """Make a run that gave the pattern to gpt-large after ten five-star ratings."""
    catalog()
    rate(team, 10)
    return RetrainingRun.objects.get(run_id=retrain().run_id)


def test_a_fall_by_more_than_a_tenth_after_a_run_is_told_once() -> None:
    team = factories.team()
    run = changed_run(team)
    rate(team, 10, requested_at=NOW + DAY, quality_score=4)

    raised = alerts.check_quality(now=NOW + 2 * DAY)

    assert [(alert.kind, alert.pattern, alert.run_id) for alert in raised] == [("quality_drop", "code", run.run_id)]
    # From 5 stars to 4.
    assert raised[0].details["fall"] == pytest.approx(0.2)
    assert alerts.check_quality(now=NOW + 3 * DAY) == []


def test_a_fall_by_a_tenth_is_not_told() -> None:
    team = factories.team()
    changed_run(team)
    rate(team, 5, requested_at=NOW + DAY)
    rate(team, 5, requested_at=NOW + DAY, quality_score=4)

    assert alerts.check_quality(now=NOW + 2 * DAY) == []


def test_a_fall_that_few_ratings_show_is_not_told() -> None:
    team = factories.team()
    changed_run(team)
    rate(team, 9, requested_at=NOW + DAY, quality_score=1)

    assert alerts.check_quality(now=NOW + 2 * DAY) == []


def test_the_quality_after_a_run_is_kept_when_its_week_is_over() -> None:
    team = factories.team()
    run = changed_run(team)
    rate(team, 10, requested_at=NOW + DAY, quality_score=5)
    rate(team, 10, requested_at=NOW + 8 * DAY, quality_score=1)

    alerts.check_quality(now=NOW + 6 * DAY)
    run.refresh_from_db()
    assert run.quality_checked_at is None
    alerts.check_quality(now=NOW + 8 * DAY)

    run.refresh_from_db()
    assert run.quality_checked_at == NOW + 8 * DAY
    assert run.quality_after == {"code": {"ratings": 10, "avg_quality": 5.0}}


def test_the_watch_covers_teams_that_learn_alone() -> None:
    alone = factories.team(learns_alone=True)
    history(alone, 1)
    rate(alone, 40)

    assert [alert.team_id for alert in alerts.watch(now=NOW)] == [alone.id]
