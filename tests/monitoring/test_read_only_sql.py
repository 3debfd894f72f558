"""What staff may ask of the database with SQL, on whichever of the two it is."""

import pytest
from django.db import connection

from monitoring.selectors.read_only_sql import postgresql, sqlite
from monitoring.selectors.read_only_sql.answer import SqlAnswer, StatementRefused

pytestmark = pytest.mark.django_db


def ask(statement: str, *, most_rows: int = 100, seconds: float = 10) -> SqlAnswer:
    run = postgresql.answer if connection.vendor == "postgresql" else sqlite.answer
    return run(statement, most_rows=most_rows, seconds=seconds)


NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT "


def test_a_select_is_answered_with_its_columns() -> None:
    found = ask("SELECT 1 AS one, 'a;b' AS text".replace(";", "-") + " ;")

    assert (list(found.columns), found.is_cut) == (["one", "text"], False)
    assert [[str(value) for value in row] for row in found.rows] == [["1", "a-b"]]


def test_columns_of_the_same_name_nulls_and_a_comment_at_the_end_are_no_trouble() -> None:
    found = ask("SELECT NULL AS x, 'it''s' AS x ORDER BY 1 -- both are x")

    assert [list(row) for row in found.rows] == [[None, "it's"]]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO auth_group (name) VALUES ('x')",
        "UPDATE auth_group SET name = 'x'",
        "DELETE FROM auth_group",
        "DROP TABLE auth_group",
        "CREATE TABLE loot AS SELECT 1",
        "WITH gone AS (DELETE FROM auth_group RETURNING 1) SELECT * FROM gone",
        "SELECT 1; DELETE FROM auth_group",
        "SELECT 1; COMMIT; DELETE FROM auth_group",
        "COMMIT",
        "PRAGMA query_only = OFF",
        "ATTACH DATABASE '/tmp/loot' AS loot",
        "VACUUM INTO '/tmp/loot'",
        "SET statement_timeout = 0",
        "RESET ALL",
        "COPY auth_group TO PROGRAM 'id'",
        "CALL anything()",
        "DO 'BEGIN END'",
        "EXPLAIN ANALYZE SELECT 1",
        "LISTEN loot",
        "SELECT 1) AS asked; DROP TABLE auth_group --",
        "",
        "SELECT '\0'",
        "SELECT U&'\\0061'",
        "SELECT session_data FROM django_session",
        'SELECT session_data FROM "django_session"',
    ],
)
def test_anything_but_a_single_select_is_refused(statement: str) -> None:
    with pytest.raises(StatementRefused):
        ask(statement)


def test_more_rows_than_wanted_are_cut() -> None:
    found = ask(f"{NUMBERS} i FROM n LIMIT 5000", most_rows=700)

    assert (len(found.rows), found.is_cut) == (700, True)


def test_an_endless_statement_is_stopped() -> None:
    with pytest.raises(StatementRefused, match=r"Stopped after 0\.3 seconds"):
        ask(f"{NUMBERS} count(*) FROM n", seconds=0.3)


def test_an_endless_list_of_rows_is_cut_at_its_bytes() -> None:
    many = "x" * 5_000
    found = ask(f"{NUMBERS} '{many}' FROM n", most_rows=1_000_000)

    # 20 million bytes of 5,000 each.
    assert (len(found.rows), found.is_cut) == (4_000, True)


def test_a_mistake_is_told_in_the_words_of_the_database() -> None:
    with pytest.raises(StatementRefused, match="nowhere"):
        ask("SELECT * FROM nowhere")
