import pytest

from monitoring.selectors.database import sqlite
from tests import factories

pytestmark = pytest.mark.django_db


def test_rows_are_told_from_the_newest_row_and_sizes_from_the_pages() -> None:
    newest = [factories.team() for _ in range(3)][-1]

    report = sqlite.report()

    (table,) = [table for table in report.tables if table.name == "accounts_team"]
    assert table.rows == newest.pk
    assert table.bytes is not None
    assert table.bytes > 0
    assert report.activities == ()


def test_an_index_that_holds_a_constraint_is_told_from_one_that_speeds_up() -> None:
    needed = {index.name: index.is_needed for index in sqlite.report().indexes}

    assert needed["override_one_active_pattern"]
    assert not needed["ledger_team_time"]


def test_sizes_of_a_large_file_are_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "MEASURED_BYTES", 0)

    report = sqlite.report()

    assert {table.bytes for table in report.tables} == {None}
    assert "Sizes of single tables are not shown" in report.notes[-1]
