import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.core.management.commands import flush
from django.db import connection
from django.test import override_settings
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker

from accounts.services import features, key_guesses, telemetry
from routing.services import database_clock, upgrades
from tests.migrated import begin_on_a_copy
from tests.services import start_redis

# The suite says the same of the same code each time; `make fuzz` is the command that looks for what is new.
# How long an example takes says more of the machine than of the code.
settings.register_profile("suite", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def no_remembered_features() -> None:
    """Let no test see which features an earlier one has switched off: its rows are gone, and memory would not know."""
    features.forget()


@pytest.fixture(autouse=True)
def no_remembered_guesses() -> None:
    """Let no test be refused for the wrong keys that earlier ones have sent from the same address."""
    key_guesses.forget()


@pytest.fixture(autouse=True)
def no_remembered_time() -> None:
    """Let no test go by the time that a gateway took down in this process, whatever the test's own clock says."""
    database_clock.forget()


@pytest.fixture(autouse=True)
def no_remembered_upgrades() -> None:
    """Let no team begin with what was counted of one that had its number in an earlier test."""
    upgrades.reset()


@pytest.fixture
def nothing_counted_yet() -> None:
    """Begin as a process of its own does: what the tests before have counted may fill a series to its bound."""
    telemetry.own.after_fork()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """URL of a Redis server of this test process alone, so that a test may flush, freeze or fill it."""
    with start_redis() as url:
        yield url


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
) -> None:
    """Let the workers of a run share the migrations of one of them: they take each eight seconds of a processor."""
    if worker_id != "master":
        with django_db_blocker.unblock():
            # The parent of a worker's folder is the run's.
            begin_on_a_copy(tmp_path_factory.getbasetemp().parent)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Hash passwords fast: the real way takes a tenth of a second on purpose, for each member of staff in a test."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    """Empty the tables row by row after each test that commits, and leave what the migrations' end wrote in place.

    Django truncates PostgreSQL's tables, which makes and removes hundreds of files: a second for a dozen rows. And it
    takes longer than most tests to write its content types, permissions and the roles of staff anew.
    """
    kept = {"django_content_type", "auth_permission", "auth_group", "auth_group_permissions"}

    def deletions(operations: Any, _style: Any, tables: Sequence[str], **_options: Any) -> list[str]:
        # As a replica, PostgreSQL checks no foreign keys and calls no triggers; SQLite checks its keys at the commit.
        first = ["SET LOCAL session_replication_role = replica"] if operations.connection.vendor == "postgresql" else []
        return [*first, *(f'DELETE FROM "{table}"' for table in tables if table not in kept)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(connection.ops), "sql_flush", deletions)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *_, **__: None)
        yield


@pytest.fixture
def no_thread_starts(monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager[None]]:
    """Return a block in which memory is too short for another thread."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    @contextmanager
    def block() -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            yield

    return block
