import uuid
from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import RateLimitWindow
from routing import tasks
from routing.models import CachedResponse, Exposure, GatewayInstance, IdempotencyClaim, LedgerEntry, StoredPrompt
from routing.services import retention
from tests import factories
from tests.routing.services import splits

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_what_has_expired_goes_and_the_rest_stays() -> None:
    team = factories.team()
    for number, expires_at in enumerate((NOW - SECOND, NOW, NOW + SECOND)):
        factories.cached_response(team, expires_at=expires_at)
        StoredPrompt.objects.create(
            request_id=uuid.uuid4(), team=team, encrypted_body=b"", created_at=NOW, expires_at=expires_at
        )
        IdempotencyClaim.objects.create(
            team=team,
            key_hash=str(number),
            body_hash="",
            request_id=uuid.uuid4(),
            state=IdempotencyClaim.State.ANSWERED,
            created_at=NOW,
            expires_at=expires_at,
        )
    report = retention.delete_expired(now=NOW)
    assert (report.cached_responses, report.stored_prompts, report.idempotency_claims) == (2, 2, 2)
    assert CachedResponse.objects.get().expires_at == NOW + SECOND
    assert StoredPrompt.objects.get().expires_at == NOW + SECOND
    assert IdempotencyClaim.objects.get().expires_at == NOW + SECOND


def test_rate_limit_windows_are_kept_for_two_minutes() -> None:
    now = int(NOW.timestamp())
    for age in (0, 60, 120, 180):
        RateLimitWindow.objects.create(api_key_id=1, window_start=now - age, request_count=1)
    assert retention.delete_expired(now=NOW).rate_limit_windows == 1
    assert set(RateLimitWindow.objects.values_list("window_start", flat=True)) == {now, now - 60, now - 120}


def test_processes_that_ended_a_week_ago_are_forgotten() -> None:
    for age in (timedelta(days=6), timedelta(days=8)):
        GatewayInstance.objects.create(
            id=uuid.uuid4(), host="web", pid=1, version="1", started_at=NOW - age, lease_expires_at=NOW - age
        )
    assert retention.delete_expired(now=NOW).gateway_instances == 1
    assert GatewayInstance.objects.get().lease_expires_at == NOW - timedelta(days=6)


def test_exposures_are_kept_for_90_days_and_while_their_experiment_runs() -> None:
    splits.start(1)
    ages = ((1, 200), (2, 89), (2, 91))
    for place, (experiment_id, days) in enumerate(ages):
        at = NOW - timedelta(days=days)
        Exposure.objects.create(experiment_id=experiment_id, phase=1, unit=str(place), arm="test", exposed_at=at)
    assert retention.delete_expired(now=NOW).exposures == 1
    assert set(Exposure.objects.values_list("experiment_id", "unit")) == {(1, "0"), (2, "1")}


def test_more_rows_than_one_batch_are_all_deleted() -> None:
    windows = [RateLimitWindow(api_key_id=key, window_start=0) for key in range(2 * retention.BATCH_SIZE + 1)]
    RateLimitWindow.objects.bulk_create(windows)
    assert retention.delete_expired(now=NOW).rate_limit_windows == 1001
    assert RateLimitWindow.objects.count() == 0


def test_the_ledger_is_not_touched() -> None:
    factories.ledger_entry(factories.team(), created_at=datetime(2020, 1, 1, tzinfo=UTC))
    retention.delete_expired(now=NOW)
    assert LedgerEntry.objects.count() == 1


def test_tasks_have_the_names_of_the_schedule_and_take_unknown_arguments(settings: object) -> None:
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}  # type: ignore[attr-defined]
    assert {tasks.refresh_prices.name, tasks.reconcile_ledger.name, tasks.delete_expired.name} <= scheduled
    tasks.delete_expired(sent_by="a newer version")
