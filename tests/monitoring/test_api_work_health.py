import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.test import Client

from accounts.domain.features import Feature
from accounts.services import features
from feedback.models import ResponseFeedback
from insights.models import LearningMetric, Review
from jobs.models import JobRun, Pulse
from learning.models import RetrainingRun
from monitoring.selectors import learning_health
from monitoring.services import work_health
from tests import factories

NOW = factories.NOON


def components() -> dict[str, str]:
    return dict(learning_health.check(NOW).components)


def retraining(state: str, started_at: datetime) -> None:
    RetrainingRun.objects.create(
        run_id=uuid.uuid4(),
        trigger="schedule",
        actor="schedule",
        state=state,
        started_at=started_at,
        finished_at=started_at,
        parameters={},
    )


def review(state: str, started_at: datetime) -> None:
    Review.objects.create(
        team=factories.team(),
        trigger="schedule",
        actor="schedule",
        state=state,
        starts_on=started_at.date() - timedelta(days=7),
        ends_before=started_at.date(),
        started_at=started_at,
        finished_at=started_at,
    )


@pytest.fixture
def asked_anew() -> Iterator[None]:
    """Let the next question be asked of the database, whatever was answered a moment ago."""
    work_health.learning_check.forget()
    work_health.jobs_check.forget()
    yield
    work_health.learning_check.forget()
    work_health.jobs_check.forget()


@pytest.mark.django_db
class TestComponents:
    def test_all_are_well_where_nothing_has_happened_yet(self):
        found = learning_health.check(NOW)

        assert found.status == "healthy"
        assert set(found.components) == {"feedback_collector", "learning_engine", "ranking_engine", "insights_engine"}
        assert set(found.components.values()) == {"ok"}
        assert (found.metrics.feedback_queue_size, found.metrics.last_learning_update) == (0, None)

    def test_feedback_is_not_collected_while_ratings_cannot_be_linked(self):
        Pulse.objects.create(name="feedback.tasks.link_pending", is_failing=True)

        assert components()["feedback_collector"] == "failing"
        assert learning_health.check(NOW).status == "degraded"

    def test_learning_fails_with_its_last_run_and_is_well_after_the_next(self):
        retraining("failed", NOW - timedelta(days=2))
        assert components()["learning_engine"] == "failing"

        retraining("succeeded", NOW - timedelta(days=1))
        assert components()["learning_engine"] == "ok"

    def test_learning_is_stale_when_ratings_came_and_the_weekly_run_did_not(self):
        retraining("succeeded", NOW - timedelta(days=9))
        assert components()["learning_engine"] == "ok"

        factories.feedback(factories.team(), created_at=NOW - timedelta(days=1))
        assert components()["learning_engine"] == "stale"

    def test_insights_are_as_well_as_the_last_review(self):
        review("failed", NOW - timedelta(hours=2))
        assert components()["insights_engine"] == "failing"

        review("succeeded", NOW - timedelta(hours=1))
        assert components()["insights_engine"] == "ok"

    def test_insights_are_stale_when_there_is_traffic_and_no_daily_review(self):
        factories.ledger_entry(factories.team(), created_at=NOW - timedelta(days=3))

        assert components()["insights_engine"] == "stale"

    def test_what_staff_switched_off_is_no_trouble(self):
        retraining("failed", NOW)
        for feature in (Feature.LEARNED_ROUTING, Feature.RANKING, Feature.COST_REVIEW):
            features.disable(feature, actor="staff", now=NOW)

        found = learning_health.check(NOW)
        assert found.status == "healthy"
        assert [name for name, state in found.components.items() if state == "disabled"] == [
            "learning_engine",
            "ranking_engine",
            "insights_engine",
        ]

    def test_thresholds_are_stale_a_day_after_they_were_evaluated(self):
        LearningMetric.objects.create(
            team=factories.team(),
            kind=LearningMetric.Kind.THRESHOLD,
            period=NOW.date(),
            samples=0,
            figures={},
            computed_at=NOW - timedelta(hours=25),
        )

        metrics = learning_health.check(NOW).metrics
        assert metrics.confidence_threshold_stale is True
        assert metrics.last_learning_update == NOW - timedelta(hours=25)

    def test_linked_ratings_that_no_run_has_read_wait(self):
        factories.feedback(factories.team(), created_at=NOW - timedelta(hours=1), linked=True)

        assert ResponseFeedback.objects.count() == 1
        assert learning_health.check(NOW).metrics.feedback_queue_size == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("asked_anew")
class TestAnswers:
    def test_health_of_learning_is_for_anybody(self):
        answer = Client().get("/health/learning")

        assert answer.status_code == 200
        assert set(answer.json()) == {"status", "components", "metrics"}
        assert set(answer.json()["metrics"]) == {
            "feedback_queue_size",
            "last_learning_update",
            "confidence_threshold_stale",
            "cache_hit_rate",
        }

    def test_jobs_are_unhealthy_while_no_worker_looks_for_work(self):
        answer = Client().get("/health/jobs/")

        assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
        assert int(answer.headers["Retry-After"]) > 0

    def test_what_went_wrong_in_a_job_is_not_for_strangers(self):
        moment = datetime.now(NOW.tzinfo)
        Pulse.objects.create(name="jobs.tasks.sweep", last_success_at=moment)
        JobRun.objects.create(
            name="learning.tasks.retrain",
            state=JobRun.State.DEAD,
            error="password authentication failed for user 'acme'",
            created_at=moment,
            finished_at=moment,
        )

        answer = Client().get("/health/jobs")

        assert answer.status_code == 200
        assert answer.json()["jobs"][0]["name"] == "learning.tasks.retrain"
        assert answer.json()["success_rate"] == 0
        assert "acme" not in answer.content.decode()
