"""Prune deletes what the schedule's retention deletes, whenever it is told to, and nothing else."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.conf import settings

from accounts.models import RateLimitWindow
from feedback.models import MetricEvent, ResponseFeedback
from monitoring.models import TableSize
from optimizer_project.cli import prune
from routing.models import LedgerEntry
from tests import factories

pytestmark = pytest.mark.django_db
Run = Callable[..., str]
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def old_rows() -> None:
    """An old row of each of four kinds, beside a request and a rating of the same age, and a new event."""
    team = factories.team()
    factories.cached_response(team, expires_at=LONG_AGO)
    factories.feedback(team, created_at=LONG_AGO)
    factories.ledger_entry(team, created_at=LONG_AGO)
    for received_at in (LONG_AGO, datetime.now(UTC)):
        MetricEvent.objects.create(team=team, type="build", occurred_at=received_at, received_at=received_at, data={})
    TableSize.objects.create(day=LONG_AGO.date(), table="metrics", rows=1, bytes=1)
    RateLimitWindow.objects.create(api_key_id=1, window_start=0, request_count=1)


@pytest.mark.usefixtures("old_rows")
def test_prune_only_counts_until_it_is_told(optimizer: Run) -> None:
    found = json.loads(optimizer("prune", "--json"))["would_delete"]

    assert {name: rows for name, rows in found.items() if rows} == {
        "cached_responses": 1,
        "rate_limit_windows": 1,
        "telemetry_events": 1,
        "table_sizes": 1,
    }
    assert MetricEvent.objects.count() == 2


@pytest.mark.usefixtures("old_rows")
def test_prune_leaves_ledger_and_ratings_alone(optimizer: Run) -> None:
    assert "Rows deleted: 4." in optimizer("prune", "--yes")

    assert (LedgerEntry.objects.count(), ResponseFeedback.objects.count(), MetricEvent.objects.count()) == (1, 1, 1)
    assert "these 0 rows" in optimizer("prune")


def test_prune_goes_on_where_one_run_of_the_schedule_ends() -> None:
    left = [2, 2, 1]

    def delete(_now: datetime) -> dict[str, int]:
        return {"rows": left.pop() if left else 0}

    assert prune.delete_all(prune.Part(delete, delete), LONG_AGO) == {"rows": 5}


def test_every_step_of_the_retention_is_in_it() -> None:
    # What each of these tasks deletes has its rows above; one more needs its part in the command.
    assert settings.JOB_CHAINS["retention"]["steps"] == [
        "jobs.tasks.delete_old",
        "feedback.tasks.delete_expired_events",
        "monitoring.tasks.forget_login_attempts",
        "monitoring.tasks.sample_table_sizes",
    ]
    assert "learning.tasks.clean_orphans" in settings.JOB_CHAINS["monday"]["steps"]
