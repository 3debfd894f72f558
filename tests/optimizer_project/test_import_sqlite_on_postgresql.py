"""An import into a real PostgreSQL, into databases of its own on the test's server."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from pytest_django import DjangoDbBlocker

from accounts.models import Team
from optimizer_project.sqlite_import import importing, target
from optimizer_project.sqlite_import.importing import NotEqual
from optimizer_project.sqlite_import.source import NotImportable, Source
from optimizer_project.sqlite_import.tables import all_tables
from routing.models import GatewayInstance, LedgerEntry, UsageBucket

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
EMPTY: dict[str, Any] = {"JSONField": "[]", "CharField": "", "TextField": ""}
AWKWARD = "a\x00b\t\n\\N\\.\r\U0001f600'\""


@pytest.fixture(scope="module")
def empty_file(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Path:
    """Make a SQLite database with every table and no rows, as migrations would have left it."""
    path = tmp_path_factory.mktemp("source") / "optimizer.sqlite3"
    settings = {**connection.settings_dict, "ENGINE": "django.db.backends.sqlite3", "NAME": str(path), "OPTIONS": {}}
    with django_db_blocker.unblock():
        wrapper = connections["source"] = DatabaseWrapper(settings, alias="source")
        with wrapper.schema_editor(atomic=True) as editor:
            for model in managed_models():
                editor.create_model(model)
        wrapper.close()
        del connections["source"]
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE django_migrations (id integer PRIMARY KEY, app text, name text, applied text)")
        file.executemany(
            "INSERT INTO django_migrations (app, name, applied) VALUES (?, ?, '2026-01-01 00:00:00')",
            MigrationLoader(None).disk_migrations,
        )
    return path


@pytest.fixture
def file(empty_file: Path, tmp_path: Path) -> Path:
    path = tmp_path / "optimizer.sqlite3"
    path.write_bytes(empty_file.read_bytes())
    return path


@contextmanager
def inside_a_new_database(name: str, template: str) -> Iterator[None]:
    """Make a database and let the default connection be one to it; the caller drops it."""
    usual = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual


def drop(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}"')


@pytest.fixture(scope="module")
def half_way(empty_file: Path, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """Name a database in which an import has come to where rows are copied, without running all migrations."""
    name = f"{connection.settings_dict['NAME']}_half_way"
    with django_db_blocker.unblock():
        with inside_a_new_database(name, "template0"):
            with closing(Source(empty_file)) as source:
                target.begin(source.identity)
            with connection.schema_editor() as editor:
                for model in managed_models():
                    editor.create_model(model)
            target.make_ready(all_tables())
        yield name
        drop(name)


@pytest.fixture
def empty_target() -> Iterator[None]:
    name = f"{connection.settings_dict['NAME']}_import"
    with inside_a_new_database(name, "template0"):
        yield
    drop(name)


@pytest.fixture
def prepared(half_way: str) -> Iterator[None]:
    name = f"{connection.settings_dict['NAME']}_import"
    with inside_a_new_database(name, half_way):
        yield
    drop(name)


def managed_models() -> list[Any]:
    # A model makes the tables of its own many-to-many fields.
    return [model for model in apps.get_models() if model._meta.managed]


def execute(file: Path, statement: str, values: Sequence[object] = ()) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.execute(statement, values)


def insert(file: Path, table: str, **values: object) -> None:
    places = ", ".join("?" * len(values))
    execute(file, f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", [*values.values()])


def insert_team(file: Path, number: int, **values: object) -> None:
    row: dict[str, Any] = {field.attname: field.get_default() for field in Team._meta.concrete_fields}
    row |= {"id": number, "slug": f"team-{number}", "created_at": "2026-03-04 05:06:07.120000", **values}
    insert(file, "accounts_team", **row)


def insert_request(file: Path, number: int, **values: object) -> None:
    row = {field.attname: EMPTY.get(field.get_internal_type(), 0) for field in LedgerEntry._meta.concrete_fields}
    row |= {field.attname: None for field in LedgerEntry._meta.concrete_fields if field.null}
    row |= {"request_id": f"{number:032x}", "instance_id": f"{1:032x}", "created_at": "2026-03-04 05:06:07"}
    row |= {"team_id": 1, "state": "pending", "propensity": 1e-07, **values}
    insert(file, "routing_metrics", **row)


@contextmanager
def silent(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
    yield lambda _done: None


def run(file: Path, progress: importing.Progress = silent, **options: Any) -> importing.Outcome:
    with closing(Source(file)) as source:
        return importing.run(source, progress, now=NOW, **options)


def test_awkward_rows_arrive_and_are_compared(file: Path, prepared: None) -> None:
    insert_team(file, 1, name=AWKWARD)
    insert_request(
        file,
        1,
        cost_nano_usd=2**63 - 1,
        error_message="x" * 200,
        attempts='[{"b": 1.0, "a": "\\ud83d", "c": 9007199254740993, "d": 1e22}]',
        flags='["\\u0000"]',
    )
    insert_team(file, 41)
    execute(file, "DELETE FROM accounts_team WHERE id = 41")
    insert(
        file,
        "routing_usagebucket",
        span="day",
        starts_at="2026-03-04 00:00:00",
        figures=b"\xff\xed\xa0\xbd",
        latencies="",
        latencies_by_label="{}",
    )

    outcome = run(file)

    entry = LedgerEntry.objects.get()
    assert (entry.cost_nano_usd, entry.propensity, entry.confidence) == (2**63 - 1, 1e-07, None)
    assert entry.attempts == [{"b": 1.0, "a": "\ufffd", "c": 9007199254740993, "d": 1e22}]
    assert entry.flags == ["\ufffd"]
    team = Team.objects.get()
    assert team.name == AWKWARD.replace("\x00", "\ufffd")
    assert team.created_at == datetime(2026, 3, 4, 5, 6, 7, 120_000, tzinfo=UTC)
    # A byte that is no UTF-8, and the three of half a surrogate pair.
    assert UsageBucket.objects.get().figures == "\ufffd" * 4
    assert outcome.copied_rows == 3
    assert sorted(outcome.repaired) == [
        "accounts_team row 1, name",
        "routing_metrics row 1, attempts",
        "routing_metrics row 1, flags",
        "routing_usagebucket row 1, figures",
    ]
    assert [each for each in outcome.compared if not each.is_equal] == []
    # The number of a row that was there once is not given again.
    assert Team.objects.create(slug="next", name="Next").id == 42


class BrokenOff(Exception):
    """Stands for the end of the process: what was not committed is gone."""


def test_an_import_broken_off_at_every_step_ends_complete(
    file: Path, prepared: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "ROWS_PER_BATCH", 2)
    insert_team(file, 1)
    for number in range(9):
        insert_request(file, number)
    reached: set[tuple[str, int]] = set()

    @contextmanager
    def break_off(name: str, _size: int) -> Iterator[Callable[[int], None]]:
        def done(count: int) -> None:
            # Once at each step of the copying, and on to the next one in the run after.
            if name == "copying routing_metrics" and (name, count) not in reached:
                reached.add((name, count))
                raise BrokenOff

        yield done
        if name == "indexes and keys" and (name, 0) not in reached:
            reached.add((name, 0))
            raise BrokenOff

    runs = 0
    outcome = None
    while outcome is None:
        runs += 1
        try:
            outcome = run(file, break_off)
        except BrokenOff:
            continue

    assert reached == {("indexes and keys", 0), *(("copying routing_metrics", count) for count in (0, 2, 4, 6, 8, 9))}
    assert runs == 8
    assert LedgerEntry.objects.count() == 9
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, "routing_metrics")
    assert any(each["foreign_key"] for each in constraints.values())
    assert any(each["index"] and not each["unique"] for each in constraints.values())
    assert target.stage() is None


def test_a_row_that_was_lost_or_changed_after_the_copying_is_found(file: Path, prepared: None) -> None:
    for number in (1, 2, 3):
        insert_team(file, number)

    @contextmanager
    def meddle(name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield lambda _done: None
        if name == "indexes and keys":
            Team.objects.filter(slug="team-1").delete()
            Team.objects.filter(slug="team-2").update(min_quality=0.5)

    with pytest.raises(
        NotEqual,
        match=r"accounts_team: 3 rows in SQLite, 2 in PostgreSQL, .*only in SQLite: id 1; only"
        r" in SQLite: id 2; only in PostgreSQL: id 2",
    ):
        run(file, meddle)
    assert target.stage() == target.CHECKING


def test_rows_that_do_not_fit_are_named_and_the_import_goes_on_once_they_are_corrected(
    file: Path, prepared: None
) -> None:
    insert_team(file, 1, name="x" * 500)
    # A rule of the table that SQLite was told to overlook.
    insert_request(file, 1, complexity_score=2.0)
    execute(file, "CREATE TABLE my_notes (id integer)")

    with pytest.raises(NotImportable, match="--leave-out my_notes"):
        run(file)
    with pytest.raises(NotImportable, match="accounts_team row 1 does not fit into PostgreSQL: name: it has 500"):
        run(file, left_out=["my_notes"])
    execute(file, "UPDATE accounts_team SET name = 'short'")
    with pytest.raises(NotImportable, match=r"routing_metrics row 1 does not fit .*ledger_complexity_range"):
        run(file, left_out=["my_notes"])
    execute(file, "UPDATE routing_metrics SET complexity_score = 0.5")

    assert run(file, left_out=["my_notes"]).copied_rows == 1
    assert LedgerEntry.objects.get().team.name == "short"


def test_a_database_with_tables_is_refused_untouched(file: Path) -> None:
    with pytest.raises(NotImportable, match=r"is not empty: it has \d+ tables"):
        run(file)


def test_a_source_of_another_release_is_refused(file: Path, empty_target: None) -> None:
    insert(file, "django_migrations", app="routing", name="9999_later", applied="2026-02-02 00:00:00")

    with pytest.raises(NotImportable, match=r"later release: .*routing\.9999_later"):
        run(file)


def test_a_source_that_is_in_use_is_refused(file: Path, empty_target: None) -> None:
    row: dict[str, Any] = {field.attname: field.get_default() for field in GatewayInstance._meta.concrete_fields}
    row |= {"id": f"{1:032x}", "host": "here", "pid": 1, "started_at": str(NOW)[:19]}
    insert(file, "routing_gatewayinstance", **row | {"lease_expires_at": str(NOW + timedelta(seconds=20))[:19]})

    with pytest.raises(NotImportable, match="A web process still works"):
        run(file)


def test_rows_that_refer_to_nothing_are_named_before_anything_is_written(file: Path, empty_target: None) -> None:
    insert_request(file, 1, team_id=77)

    with pytest.raises(NotImportable, match="routing_metrics row 1 names no row of accounts_team"):
        run(file)
    assert target.stage() is None


def test_the_command_imports_and_compares(file: Path, prepared: None) -> None:
    insert_team(file, 1, name="\x00")
    said = StringIO()
    execute(file, "UPDATE django_migrations SET applied = '2026-02-02 00:00:00'")
    with pytest.raises(CommandError, match="another file into this database was begun"):
        call_command("import_sqlite", str(file))
    execute(file, "UPDATE django_migrations SET applied = '2026-01-01 00:00:00'")
    (file.parent / "secret_key").write_text("another")
    with pytest.raises(CommandError, match="SECRET_KEY is not that of"):
        call_command("import_sqlite", str(file))

    call_command("import_sqlite", str(file), "--other-secret-key", stdout=said)
    call_command("import_sqlite", str(file), "--compare-only", stdout=said)
    Team.objects.update(name="changed")

    assert "1 values had a NUL" in said.getvalue()
    assert "Imported: 1 rows" in said.getvalue()
    assert "Both hold the same: 1 rows in all." in said.getvalue()
    with pytest.raises(CommandError, match="only in PostgreSQL: id 1"):
        call_command("import_sqlite", str(file), "--compare-only")


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, " * 100)

    with pytest.raises(CommandError, match="There is no file"):
        call_command("import_sqlite", str(tmp_path / "nothing"))
    with pytest.raises(CommandError, match="cannot be read as an SQLite database"):
        call_command("import_sqlite", str(tmp_path / "text"))
