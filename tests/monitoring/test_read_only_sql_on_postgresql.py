"""What only PostgreSQL offers to who would do more than read."""

import pytest
from django.db import connection

from monitoring.selectors.read_only_sql.answer import StatementRefused
from monitoring.selectors.read_only_sql.postgresql import answer

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "expression",
    [
        "pg_sleep(60)",
        'PG_CATALOG."pg_sleep"(60)',
        "pg_sleep/* a comment */(60)",
        "set_config('transaction_read_only', 'off', false)",
        "pg_terminate_backend(1)",
        "pg_cancel_backend(1)",
        "pg_advisory_lock(1)",
        "nextval('auth_group_id_seq')",
        "setval('auth_group_id_seq', 1)",
        "pg_notify('loot', 'x')",
        "pg_read_file('/etc/passwd')",
        "pg_ls_dir('/')",
        "lo_create(0)",
        "query_to_xml('DELETE FROM auth_group', true, true, '')",
        "table_to_xml('auth_user', true, true, '')",
        "pg_stat_reset()",
        "pg_reload_conf()",
        "pg_export_snapshot()",
    ],
)
def test_functions_with_side_effects_are_refused(expression: str) -> None:
    with pytest.raises(StatementRefused, match="side effects"):
        answer(f"SELECT {expression}", most_rows=10)


def test_a_locked_table_is_not_waited_for() -> None:
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE auth_group IN ACCESS EXCLUSIVE MODE")

    with pytest.raises(StatementRefused, match="locked by another session"):
        answer("SELECT * FROM auth_group", most_rows=10)


def test_a_row_is_not_locked_and_no_table_is_made() -> None:
    for statement in ("SELECT * FROM auth_group FOR UPDATE", "SELECT 1 INTO loot"):
        with pytest.raises(StatementRefused):
            answer(statement, most_rows=10)


def test_a_long_value_is_cut_before_it_travels() -> None:
    found = answer("SELECT repeat('x', 50000000)", most_rows=10)

    assert len(str(found.rows[0][0])) == 10_000


def test_functions_that_only_read_are_called() -> None:
    found = answer("SELECT pg_database_size(current_database()) > 0, now() <= clock_timestamp()", most_rows=10)

    assert [list(row) for row in found.rows] == [["true", "true"]]
