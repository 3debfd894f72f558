import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import Team
from accounts.services import database_figures, telemetry


def counted(name: str, *labels: str) -> float:
    return sum(tally.numbers[0] for tally in telemetry.own.tallies() if (tally.name, tally.labels) == (name, labels))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statement", "operation"),
    [
        ("SELECT 1", "select"),
        ("\n    select 1", "select"),
        ("WITH one AS (SELECT 1) SELECT * FROM one", "select"),
        ("UPDATE django_migrations SET app = app WHERE 1 = 0", "update"),
        ("DELETE FROM django_migrations WHERE 1 = 0", "delete"),
        ("SAVEPOINT here", "other"),
    ],
)
def test_a_statement_is_counted_and_timed_by_what_it_does(statement, operation):
    before = counted("db_queries_total", operation)

    with connection.cursor() as cursor:
        cursor.execute(statement)

    assert counted("db_queries_total", operation) == before + 1


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_is_rolled_back_is_counted_once():
    before = counted("db_rollbacks_total")

    with pytest.raises(IntegrityError), transaction.atomic():
        Team.objects.bulk_create([Team(slug="acme", name="Acme"), Team(slug="acme", name="Acme")])

    assert counted("db_rollbacks_total") == before + 1


@pytest.mark.django_db(transaction=True)
def test_a_connection_made_anew_is_not_counted_twice():
    connection.close()
    connection.ensure_connection()
    database_figures.watch(connection)
    before = counted("db_queries_total", "select")

    Team.objects.exists()

    assert counted("db_queries_total", "select") == before + 1
