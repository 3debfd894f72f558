import itertools
import time
from collections.abc import Iterator
from threading import Thread

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from monitoring.selectors.database import postgresql
from monitoring.selectors.database.report import Activity
from tests import factories

pytestmark = pytest.mark.django_db
LONGEST_SECONDS = 60


@pytest.fixture
def other() -> Iterator[BaseDatabaseWrapper]:
    connection = connections.create_connection("default")
    yield connection
    connection.close()


def first_that_waits() -> Activity:
    """Ask until a session waits for another: each try is a round trip to the server, which takes its time."""
    ends_at = time.monotonic() + LONGEST_SECONDS
    tries = itertools.takewhile(lambda _: time.monotonic() < ends_at, itertools.count())
    return next(activity for _ in tries for activity in postgresql.report().activities if activity.blocked_by)


def test_a_session_that_waits_for_a_lock_is_shown_with_the_one_that_holds_it(other: BaseDatabaseWrapper) -> None:
    def wait() -> None:
        waiting = connections.create_connection("default")
        with waiting.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM routing_exposure WHERE arm = 'of a caller'")
        waiting.close()

    with other.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE routing_exposure IN ACCESS EXCLUSIVE MODE; SELECT pg_backend_pid()")
        (holder,) = cursor.fetchone()
        thread = Thread(target=wait)
        thread.start()
        found = first_that_waits()
        sizes = {table.name: table.bytes for table in postgresql.report().tables}
        cursor.execute("ROLLBACK")
    thread.join()

    assert found.blocked_by == [holder]
    assert sizes["routing_exposure"] is None
    assert sizes["routing_metrics"] is not None
    assert found.query == "SELECT count(*) FROM routing_exposure WHERE arm = ?"


def test_tables_indexes_and_connections_come_from_the_statistics() -> None:
    factories.team()

    report = postgresql.report()

    assert report.connections["active"] >= 1
    assert report.most_connections is not None
    assert report.most_connections >= report.connection_count
    assert {index.name: index.is_needed for index in report.indexes}["routing_metrics_pkey"]
    assert next(table for table in report.tables if table.name == "routing_metrics").bytes is not None
