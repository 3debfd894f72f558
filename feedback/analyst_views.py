"""Read-only SQL views for analysts, under names that stay when the tables behind them change.

They are made after each migration and dropped before it. A migration could make them once, but while a view stands,
SQLite cannot rebuild its table (as it does for most changes of a column or constraint) and PostgreSQL cannot change a
column's type.
"""

from typing import Any

from django.db import connections, transaction

_TABLE_AND_QUERY = {
    "routing_requests": (
        "routing_metrics",
        "SELECT request_id AS id, provider, served_model AS model, created_at FROM routing_metrics",
    ),
    "production_feedback": (
        "response_feedback",
        "SELECT id, request_id, quality_score, is_correct, is_helpful, reward, comment, user_id, session_id, linked,"
        " pattern, provider, served_model AS model, team_id, created_at FROM response_feedback",
    ),
}


def drop(*, using: str, **kwargs: Any) -> None:
    """Drop the views of the database with this alias; answers Django's signal ``pre_migrate``."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        for name in _TABLE_AND_QUERY:
            cursor.execute(f"DROP VIEW IF EXISTS {name}")


def create(*, using: str, **kwargs: Any) -> None:
    """Make the views anew, each where its table exists; answers Django's signal ``post_migrate``."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        tables = {table.name for table in connections[using].introspection.get_table_list(cursor)}
        for name, (table, query) in _TABLE_AND_QUERY.items():
            cursor.execute(f"DROP VIEW IF EXISTS {name}")
            if table in tables:
                cursor.execute(f"CREATE VIEW {name} AS {query}")
