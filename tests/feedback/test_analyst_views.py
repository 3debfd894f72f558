from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from feedback import analyst_views
from tests import factories

pytestmark = pytest.mark.django_db


def rows(query: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def view_names() -> set[str]:
    with connection.cursor() as cursor:
        found = connection.introspection.get_table_list(cursor)
    return {table.name for table in found if table.type == "v"}


def test_requests_are_there_for_analysts() -> None:
    entry = factories.ledger_entry(factories.team(), provider="openai", served_model="gpt-small")

    (request_id, *others), *more = rows(
        "SELECT id, provider, model FROM routing_requests WHERE created_at >= '2026-01-01'"
    )

    # SQLite has ids as text, PostgreSQL as UUIDs.
    assert (UUID(str(request_id)), others, more) == (entry.request_id, ["openai", "gpt-small"], [])


def test_feedback_is_there_for_analysts() -> None:
    row = factories.feedback(factories.team(), quality_score=3)

    assert rows("SELECT id, request_id, quality_score, model FROM production_feedback") == [
        (row.id, row.request_id, 3, "gpt-small")
    ]


def test_views_go_before_a_migration_and_come_back_after_it() -> None:
    analyst_views.drop(using="default")
    assert view_names() == set()

    analyst_views.create(using="default")
    analyst_views.create(using="default")
    assert view_names() == {"production_feedback", "routing_requests"}
