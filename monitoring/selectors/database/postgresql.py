"""PostgreSQL's own statistics: kept anyway, so that reading them costs the same however large the tables are."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from monitoring.selectors.database.report import Activity, DatabaseReport, IndexUse, TableSize, redacted

LONG_SECONDS = 5

# Asking for a size waits for whoever has the table to themselves, and then this page is needed most: those sizes are
# left out. A lock that others wait for holds up newcomers as one that is held does.
_TABLES = """
WITH locked AS (SELECT relation FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation IS NOT NULL)
SELECT name, rows, bytes, index_bytes, written, dead FROM (
    SELECT s.relname AS name, CASE WHEN c.reltuples < 0 THEN s.n_live_tup ELSE c.reltuples::bigint END AS rows,
           CASE WHEN c.oid NOT IN (SELECT relation FROM locked) THEN pg_table_size(c.oid) END AS bytes,
           CASE WHEN c.oid NOT IN (SELECT relation FROM locked) THEN pg_indexes_size(c.oid) END AS index_bytes,
           s.n_tup_ins + s.n_tup_upd + s.n_tup_del AS written, s.n_dead_tup AS dead
    FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
    WHERE s.schemaname = current_schema()
) AS tables
ORDER BY bytes + index_bytes DESC NULLS FIRST, name
"""
_INDEXES = """
WITH locked AS (SELECT relation FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation IS NOT NULL)
SELECT table_name, name, bytes, scans, is_needed FROM (
    SELECT s.relname AS table_name, s.indexrelname AS name,
           CASE WHEN s.indexrelid NOT IN (SELECT relation FROM locked) THEN pg_relation_size(s.indexrelid) END AS bytes,
           s.idx_scan AS scans, i.indisunique OR i.indisexclusion AS is_needed
    FROM pg_stat_user_indexes s JOIN pg_index i ON i.indexrelid = s.indexrelid
    WHERE s.schemaname = current_schema()
) AS indexes
ORDER BY bytes DESC NULLS FIRST, name
"""
_ACTIVITIES = """
SELECT * FROM (
    SELECT pid, extract(epoch FROM clock_timestamp() - CASE WHEN state LIKE 'idle in%%' THEN xact_start
                        ELSE query_start END)::float AS seconds,
           coalesce(state, ''), coalesce(application_name, ''), pg_blocking_pids(pid) AS blocked_by, coalesce(query, '')
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
          AND backend_type = 'client backend'
) AS busy
WHERE seconds >= %s OR cardinality(blocked_by) > 0
ORDER BY seconds DESC LIMIT 50
"""
_CONNECTIONS = """
SELECT coalesce(state, 'unknown'), count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' GROUP BY 1 ORDER BY 2 DESC
"""
_FACTS = """
SELECT current_setting('server_version'), pg_database_size(current_database()), current_setting('max_connections')::int,
       d.deadlocks, d.xact_rollback, d.stats_reset,
       round(100.0 * d.blks_hit / nullif(d.blks_hit + d.blks_read, 0), 1)::float
FROM pg_stat_database d WHERE d.datname = current_database()
"""


def report() -> DatabaseReport:
    """Read the statistics; sessions of other roles show no query unless this one may see it."""
    ((version, size, most, deadlocks, rollbacks, since, hits),) = _rows(_FACTS)
    return DatabaseReport(
        vendor="PostgreSQL",
        version=version,
        bytes=size,
        tables=[TableSize(*row) for row in _rows(_TABLES)],
        indexes=[IndexUse(*row) for row in _rows(_INDEXES)],
        activities=[_activity(row) for row in _rows(_ACTIVITIES, [LONG_SECONDS])],
        connections=dict(_rows(_CONNECTIONS)),
        most_connections=most,
        facts={
            "read from memory": None if hits is None else f"{hits:g} %",
            "transactions rolled back": rollbacks,
            "deadlocks": deadlocks,
            "statistics since": since,
        },
        notes=(
            "Rows are estimates, as of the last time each table was analyzed.",
            "Written and dead rows, and how often an index was used, count since the statistics began; a replica's "
            "use is not in them.",
            "A table that a session has to itself has no size here: asking for it would wait for that session.",
        ),
    )


def _activity(row: Sequence[Any]) -> Activity:
    pid, seconds, state, application, blocked_by, query = row
    return Activity(pid, seconds, state, application, blocked_by, redacted(query))


def _rows(sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())
