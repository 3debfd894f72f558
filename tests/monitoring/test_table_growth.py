"""How large tables are from day to day."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from monitoring.models import TableSize
from monitoring.selectors.database.growth import growth
from monitoring.selectors.database.report import TableSize as Measured
from monitoring.services import table_sizes

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_a_day_is_noted_once_with_its_last_sizes() -> None:
    first = table_sizes.sample(now=NOW)
    TableSize.objects.filter(table="routing_metrics").update(bytes=1)
    second = table_sizes.sample(now=NOW + timedelta(hours=3))

    assert first["tables"] == second["tables"] == TableSize.objects.count()
    assert TableSize.objects.get(table="routing_metrics").bytes > 1


def test_samples_of_more_than_400_days_ago_are_deleted() -> None:
    for days in (400, 401):
        TableSize.objects.create(day=NOW.date() - timedelta(days=days), table="ledger", bytes=1)

    assert table_sizes.sample(now=NOW)["deleted"] == 1


def test_growth_is_told_against_the_newest_sample_that_is_old_enough() -> None:
    today = date(2026, 11, 22)
    for days, size in ((1, 990), (8, 800), (9, 700)):
        TableSize.objects.create(day=today - timedelta(days=days), table="ledger", bytes=size)

    # 900 with indexes of 100 now, 800 eight days ago; nothing is known of 30 days ago.
    [ledger, young] = growth([Measured("ledger", 10, 900, 100), Measured("young", 1, 50, 0)], today=today)

    assert list(ledger.grown) == [200, None, None]
    assert list(young.grown) == [50, None, None]


def test_the_page_shows_it(admin_client: Client) -> None:
    day = timezone.now().date() - timedelta(days=31)
    TableSize.objects.create(day=day, table="routing_metrics", bytes=0)

    shown = admin_client.get("/admin/database/").content.decode()

    assert "30-day growth" in shown
    assert "<td>+" in shown
