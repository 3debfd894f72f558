"""A PostgreSQL server of its own for one run, as durable as in production, thrown away afterwards."""

from contextlib import ExitStack

import psycopg2

from benchmarks.processes import DidNotStart, parent
from tests.services import start_postgres

# Checked after the start: a ledger that is not on disk before the answer would make every figure meaningless.
DURABILITY = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


class PostgresServer:
    """A fresh server on 127.0.0.1 with PostgreSQL's default settings; running until ``stop``."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.url = self._stack.enter_context(start_postgres())
        try:
            self.version, self.pid = self._inspect()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self._stack.close()

    def _inspect(self) -> tuple[str, int]:
        """Return version and process id; raises DidNotStart when commits would not be durable."""
        connection = psycopg2.connect(self.url)
        try:
            with connection.cursor() as cursor:
                for setting, wanted in DURABILITY.items():
                    cursor.execute(f"SHOW {setting}")
                    (value,) = cursor.fetchone() or ("unknown",)
                    if value != wanted:
                        raise DidNotStart(f"PostgreSQL runs with {setting}={value}; the benchmark needs {wanted}.")
                cursor.execute("SELECT current_setting('server_version'), pg_backend_pid()")
                version, backend_pid = cursor.fetchone() or ("unknown", 0)
        finally:
            connection.close()
        return f"PostgreSQL {version.split()[0]}", parent(backend_pid)
