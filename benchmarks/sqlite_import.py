"""`make bench-import`: a large installation moves from SQLite to PostgreSQL, and the move is killed in the middle.

Every thousandth row is an awkward one: NUL and half surrogate pairs in texts and JSON, the largest integers, odd times.
"""

import argparse
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks.peers import plain_environment
from tests.services import start_postgres

_ROOT = Path(__file__).resolve().parent.parent
_TEMPLATES = 1_000
_AWKWARD = {
    "error_message": "NUL \x00, tab \t, end of line \n, backslash \\N, \U0001f600",
    "attempts": '[{"half": "\\ud83d", "nul": "\\u0000", "large": 9007199254740993, "small": 1e-07}]',
    "cost_nano_usd": 2**63 - 1,
    "baseline_cost_nano_usd": 2**63 - 1,
    "savings_nano_usd": 0,
    "created_at": "2026-01-01T02:03:04.500000+02:00",
}


def make_source(path: Path, rows: int) -> None:
    """Fill a new SQLite database by migrations and with ``rows`` ledger rows of a team and its key."""
    _manage("optimizer", "setup", database=f"sqlite:///{path}", data_dir=path.parent)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA synchronous = OFF")
        _insert_templates(database)
        columns = [name for (name,) in database.execute("SELECT name FROM pragma_table_info('routing_metrics')")]
        made = {
            "request_id": "printf('%032x', n)",
            "created_at": f"datetime('2026-01-01', (n * 30000000 / {rows}) || ' seconds')",
        }
        chosen = ", ".join(made.get(name, f'"{name}"') for name in columns)
        database.execute(
            f"WITH RECURSIVE numbers(n) AS (SELECT {_TEMPLATES} UNION ALL SELECT n + 1 FROM numbers "
            f"WHERE n + 1 < {rows}) INSERT INTO routing_metrics SELECT {chosen} FROM numbers "
            f"JOIN routing_metrics ON request_id = printf('%032x', n % {_TEMPLATES})"
        )


def _insert_templates(database: sqlite3.Connection) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "optimizer_project.settings")
    import django

    django.setup()
    from benchmarks import metrics_rows

    (team,) = database.execute("SELECT min(id) FROM accounts_team").fetchone()
    (key,) = database.execute("SELECT min(id) FROM accounts_apikey").fetchone()
    rng = random.Random(metrics_rows.SEED)
    columns = database.execute("SELECT name, type, \"notnull\" FROM pragma_table_info('routing_metrics')").fetchall()
    for number in range(_TEMPLATES):
        # What a column must have where the benchmark's rows name nothing.
        row: dict[str, Any] = {name: "" if "char" in kind else 0 for name, kind, needed in columns if needed}
        row |= {
            name: value.hex if isinstance(value, UUID) else value
            for name, value in metrics_rows.row_values(rng, (team, key)).items()
        }
        row |= {"request_id": f"{number:032x}", "created_at": "2026-01-01 00:00:00"}
        if number == 0:
            row |= _AWKWARD
        names = ", ".join(row)
        database.execute(
            f"INSERT INTO routing_metrics ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values())
        )


def move(path: Path, url: str) -> None:
    """Import, kill the process once rows arrive, import again, and show what both took."""
    command = [sys.executable, "manage.py", "import_sqlite", str(path)]
    environment = _environment(url, path.parent)
    began = time.monotonic()
    first = subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=subprocess.DEVNULL)
    copied = _wait_for_rows(url)
    first.send_signal(signal.SIGKILL)
    first.wait()
    print(f"Killed by SIGKILL after {time.monotonic() - began:.0f} s, when {copied:,} ledger rows had been copied.")
    began = time.monotonic()
    subprocess.run(command, cwd=_ROOT, env=environment, check=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"The same command went on and ended in {time.monotonic() - began:.0f} s; largest process {peak:.0f} MiB.")


def _wait_for_rows(url: str) -> int:
    import psycopg2

    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        while True:
            with connection.cursor() as cursor:
                cursor.execute("SELECT to_regclass('sqlite_import_progress') IS NOT NULL")
                if cursor.fetchone() == (True,):
                    cursor.execute("SELECT row_count FROM sqlite_import_progress WHERE name = 'routing_metrics'")
                    if found := cursor.fetchone():
                        return int(found[0])
            time.sleep(0.05)


def _manage(*arguments: str, database: str, data_dir: Path) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=_ROOT,
        env=_environment(database, data_dir),
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _environment(database: str, data_dir: Path) -> dict[str, str]:
    return plain_environment({"DATABASE_URL": database, "DATA_DIR": str(data_dir), "REDIS_URL": ""})


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-import", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="ledger rows (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-import-") as folder, start_postgres() as url:
        path = Path(folder) / "optimizer.sqlite3"
        began = time.monotonic()
        make_source(path, options.rows)
        size = path.stat().st_size / 1024**2
        print(f"Made {options.rows:,} ledger rows in SQLite, {size:.0f} MiB, in {time.monotonic() - began:.0f} s.")
        move(path, url)


if __name__ == "__main__":
    main()
