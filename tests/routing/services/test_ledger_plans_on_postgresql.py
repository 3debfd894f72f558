import pytest
from django.db import connection, transaction

from accounts.services import prepared_statements
from routing.services import ledger, ledger_sql
from tests.routing.services.ledger_requests import Request, key

pytestmark = pytest.mark.django_db


def plan_of(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN EXECUTE {statement}")
        return "\n".join(row[0] for row in cursor.fetchall())


def test_a_settlement_finds_its_rows_by_their_ids_however_small_the_ledger_was_when_it_was_planned() -> None:
    asked = Request(key())
    ledger.apply([asked.opening()])
    row = asked.closing().row

    with transaction.atomic():
        assert ledger_sql.write([], [{**row, "reserved_nano_usd": asked.row["reserved_nano_usd"]}])
        plan = plan_of("settle_ledger_rows('[]', '{}', 0)")

    assert "Index Scan on routing_metrics_pkey" in plan or "Index Scan using routing_metrics_pkey" in plan
    assert "Seq Scan" not in plan
    assert "ledger_pending" not in plan


def test_what_is_prepared_is_planned_once_even_where_its_arguments_promise_a_better_plan() -> None:
    some = prepared_statements.Prepared("some_teams", ("bigint[]",), "SELECT id FROM accounts_team WHERE id = ANY($1)")

    with transaction.atomic(), connection.cursor() as cursor:
        prepared_statements.execute(cursor, [(some, [[1, 2]])])
        plan = plan_of("some_teams('{1,2}')")

    assert "$1" in plan
