"""Shows what reports cost over a year of traffic, and what keeping the roll-ups costs.

    python -m benchmarks.metrics [--rows 10000000]

A PostgreSQL and a Redis server of its own are started and thrown away. A row takes about 1.5 kB of disk with its
indexes, 10 million about 15 GB; the place is TMPDIR. Everything is asked through Django's handler in this process, as a
member of staff who sees all teams: the most there is to add up.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.postgres import PostgresServer
from tests.services import start_redis

BYTES_PER_ROW = 1_500
TIMES = 5
REPORTS = (
    "/routing/metrics",
    "/routing/metrics?days=30",
    "/routing/metrics?days=366",
    "/stats",
    "/cache/stats?days=366",
    "/admin/feedback/summary",
)
# The lists of the two largest tables, as people narrow them; all other lists of the admin are timed as they open.
LISTS = (
    "routing/ledgerentry/",
    "routing/ledgerentry/?period=week",
    "routing/ledgerentry/?period=all",
    "routing/ledgerentry/?period=all&p=100",
    "routing/ledgerentry/?period=week&state__exact=orphaned",
    "routing/ledgerentry/?period=week&is_fallback__exact=1&team__id__exact=1",
    "routing/ledgerentry/?period=week&policy_version=1",
    "feedback/responsefeedback/",
    "feedback/responsefeedback/?period=all",
    "feedback/responsefeedback/?quality_score=1&pattern=code",
    "feedback/responsefeedback/?linked__exact=0",
    "feedback/responsefeedback/?q=nobody",
)
PAGES = ("/admin/", "/admin/database/", "/admin/reports/last-decisions/", "/dashboard/data")
Row = tuple[str, ...]


def main() -> int:
    options = _options()
    print(f"{options.rows:,} rows need about {options.rows * BYTES_PER_ROW / 1e9:.1f} GB in {tempfile.gettempdir()}.")
    with ExitStack() as stack:
        _prepare(stack)
        for line in _measure(options.rows):
            print(line, flush=True)
    return 0


def _prepare(stack: ExitStack) -> None:
    """Start the servers and set Django up on them."""
    server = PostgresServer()
    stack.callback(server.stop)
    environment = {
        "DJANGO_SETTINGS_MODULE": "optimizer_project.settings",
        "ENVIRONMENT": "test",
        "SECRET_KEY": "only-for-the-benchmark-" * 3,
        "DATA_DIR": stack.enter_context(tempfile.TemporaryDirectory(prefix="metrics-")),
        "DATABASE_URL": server.url,
        "POSTGRES_HOST": "",
        "REDIS_URL": stack.enter_context(start_redis()),
        "ALLOWED_HOSTS": "testserver",
        "LOG_LEVEL": "WARNING",
    }
    os.environ.update(environment)
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def _measure(count: int) -> Iterable[str]:
    from benchmarks import metrics_rows
    from feedback.services import tallies
    from routing.services import rollup_check, rollups

    now = datetime.now(UTC)
    yield f"- rows written and indexed in {_seconds(lambda: metrics_rows.fill(count, now=now)):.0f} s; {_sizes()}"
    _mark_everything()
    client = _staff()
    unrolled = {path: _milliseconds(client, path, times=1) for path in REPORTS}
    hours = 0

    def roll() -> None:
        nonlocal hours
        hours = rollups.roll(now=now, seconds=float("inf"))

    rolling = _seconds(roll)
    yield f"- {hours:,} hours rolled up in {rolling:.0f} s, {rolling / count * 1e6:.1f} s a million rows; {_sizes()}"
    yield f"- one hour rolled up anew in {_one_hour(now) * 1000:.0f} ms"
    yield f"- ratings added up in {_seconds(lambda: tallies.add_up(now=now, seconds=float('inf'))):.1f} s"
    last_days = now - timedelta(days=7)
    wrong: list[Any] = []
    checking = _seconds(lambda: wrong.extend(rollup_check.verify(since=last_days, until=now)))
    yield f"- the last week verified in {checking:.1f} s: {len(wrong)} differences"
    yield ""
    yield table(("report", "without roll-ups, ms", "computed, ms", "cached, ms"), _reports(client, unrolled))
    yield ""
    yield table(("page of the admin", "ms"), _lists(client))


def table(headings: Sequence[str], rows: Iterable[Row]) -> str:
    """Return rows as a table in Markdown, the first column to the left."""
    lines = [headings, ("---", *["---:"] * (len(headings) - 1)), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _reports(client: Any, unrolled: dict[str, float]) -> Iterable[Row]:
    for path in REPORTS:
        computed = _milliseconds(client, path)
        kept = f"{_milliseconds(client, path, is_emptied=False):.1f}" if path.startswith("/routing/metrics") else "-"
        yield path, f"{unrolled[path]:,.0f}", f"{computed:.1f}", kept


def _lists(client: Any) -> Iterable[Row]:
    for path in (*PAGES, *(f"/admin/{name}" for name in LISTS)):
        yield path, f"{_milliseconds(client, path):,.0f}"
    others = sorted(_other_lists())
    slowest = max((_milliseconds(client, path, times=3), path) for path in others)
    yield f"{len(others)} other lists, the slowest of which is {slowest[1]}", f"{slowest[0]:,.0f}"


def _other_lists() -> Iterable[str]:
    """Yield the addresses of all lists that are not timed by themselves."""
    from django.contrib import admin

    timed = {name.partition("?")[0].strip("/") for name in LISTS}
    for model in admin.site._registry:
        name = f"{model._meta.app_label}/{model._meta.model_name}"
        if name not in timed:
            yield f"/admin/{name}/"


def _milliseconds(client: Any, path: str, *, times: int = TIMES, is_emptied: bool = True) -> float:
    """Return the median time of an answer, after one that counts for nothing where there are several."""
    from django.core.cache import caches

    taken = []
    for _ in range(times + (times > 1)):
        if is_emptied:
            caches["default"].clear()
        started = time.perf_counter()
        answer = client.get(path)
        taken.append((time.perf_counter() - started) * 1000)
        if answer.status_code != 200:
            raise SystemExit(f"{path} answered {answer.status_code}")
    return statistics.median(taken[times > 1 :])


def _one_hour(now: datetime) -> float:
    from django.db import transaction

    from routing.domain import time_ranges
    from routing.models import ChangedHour
    from routing.services import change_marks, rollups

    hour = time_ranges.floor(now - timedelta(days=1), time_ranges.HOUR)
    with transaction.atomic():
        change_marks.mark(ChangedHour, [hour])
    return _seconds(lambda: rollups.roll(now=now))


def _mark_everything() -> None:
    """Say of every hour and day that it has changed, as the migrations do for rows they find."""
    from importlib import import_module

    from django.db import connection

    for name in ("routing.migrations.0007_mark_hours_of_ledger", "feedback.migrations.0004_mark_days_of_feedback"):
        with connection.cursor() as cursor:
            cursor.execute(import_module(name)._POSTGRESQL)


def _staff() -> Any:
    from django.contrib.auth import get_user_model
    from django.test import Client

    client = Client(raise_request_exception=True)
    client.force_login(get_user_model().objects.create_superuser("benchmark"))
    return client


def _sizes() -> str:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_total_relation_size('routing_metrics'), pg_total_relation_size('routing_usagebucket')"
        )
        ledger, buckets = cursor.fetchone()
    return f"the ledger takes {ledger / 1e9:.2f} GB, the roll-ups {buckets / 1e9:.3f} GB"


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.metrics", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rows", type=int, default=10_000_000, help="ledger rows over a year (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
