"""What SQLite can tell of its file without reading all of it."""

from typing import Any

from django.db import connection

from monitoring.selectors.database.report import DatabaseReport, IndexUse, TableSize

# The size of a table is found by reading all its pages.
MEASURED_BYTES = 500_000_000

_OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type IN ('table', 'index') ORDER BY name"


def report() -> DatabaseReport:
    """Read the schema, and the sizes of tables while the file is below ``MEASURED_BYTES``."""
    size = _pragma("page_count") * _pragma("page_size")
    objects = _rows(_OBJECTS)
    sizes = _sizes() if size <= MEASURED_BYTES else {}
    indexes = [
        IndexUse(table, name, sizes.get(name), None, is_needed=sql is None or "UNIQUE" in sql.upper())
        for kind, name, table, sql in objects
        if kind == "index"
    ]
    tables = [
        TableSize(name, _newest_row(name, sql), sizes.get(name), _index_bytes(indexes, name))
        for kind, name, _, sql in objects
        if kind == "table" and not name.startswith("sqlite_")
    ]
    return DatabaseReport(
        vendor="SQLite",
        version=_rows("SELECT sqlite_version()")[0][0],
        bytes=size,
        tables=sorted(tables, key=lambda table: (-(table.bytes or 0) - (table.index_bytes or 0), table.name)),
        indexes=sorted(indexes, key=lambda index: (-(index.bytes or 0), index.name)),
        facts={
            "journal": _pragma("journal_mode"),
            "free bytes in the file": _pragma("freelist_count") * _pragma("page_size"),
            "foreign keys checked": bool(_pragma("foreign_keys")),
        },
        notes=(
            "Rows are the number of the newest row: exact where nothing was ever deleted, else too high.",
            "SQLite keeps no record of how often an index is used, of other connections, or of what they wait for.",
            *(() if sizes else ("Sizes of single tables are not shown: finding them out would read the whole file.",)),
        ),
    )


def _index_bytes(indexes: list[IndexUse], table: str) -> int | None:
    found = [index.bytes for index in indexes if index.table == table and index.bytes is not None]
    return sum(found) if found else None


def _sizes() -> dict[str, int]:
    """Return the bytes of each table and index; nothing where SQLite was built without the means to tell."""
    if not any(row[0] == "ENABLE_DBSTAT_VTAB" for row in _rows("PRAGMA compile_options")):
        return {}
    return dict(_rows("SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE"))


def _newest_row(table: str, sql: str) -> int | None:
    if "WITHOUT ROWID" in sql.upper():
        return None
    rows = _rows(f"SELECT max(rowid) FROM {connection.ops.quote_name(table)}")  # noqa: S608
    return rows[0][0] or 0


def _pragma(name: str) -> Any:
    return _rows(f"PRAGMA {name}")[0][0]


def _rows(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
