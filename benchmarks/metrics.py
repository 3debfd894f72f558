"""Shows what reports cost over a year of traffic, and what keeping the roll-ups costs.

    python -m benchmarks.metrics [--rows 10000000] [--database URL] [--write]

A PostgreSQL and a Redis server of its own are started and thrown away. A row takes about 1.5 kB of disk with its
indexes, 10 million about 15 GB; the place is TMPDIR. Everything is asked through Django's handler in this process, as a
member of staff who sees all teams: the most there is to add up. A database that is given is filled where it is empty,
kept, and only asked the next time.
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
from benchmarks.programs import SOURCE_DIR
from benchmarks.report import write_between_markers
from tests.services import start_redis

PAGE = SOURCE_DIR.parent / "docs" / "PERFORMANCE.md"
MARKER = "<!-- bench-metrics, {}: {} -->"

BYTES_PER_ROW = 1_500
TIMES = 15
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
    with ExitStack() as stack:
        _prepare(stack, options.database)
        for name, lines in (("filling", _fill(options.rows)), ("asking", _ask())):
            told = list(_shown(lines))
            if told and options.write:
                begin, end = MARKER.format(name, "begin (written by the command)"), MARKER.format(name, "end")
                write_between_markers(PAGE, "\n".join(told), begin=begin, end=end)
    return 0


def _shown(lines: Iterable[str]) -> Iterable[str]:
    """Print every line as soon as it is known."""
    for line in lines:
        print(line, flush=True)
        yield line


def _prepare(stack: ExitStack, url: str | None) -> None:
    """Start the servers and set Django up on them."""
    if url is None:
        server = PostgresServer()
        stack.callback(server.stop)
        url = server.url
    environment = {
        "DJANGO_SETTINGS_MODULE": "optimizer_project.settings",
        "ENVIRONMENT": "test",
        "SECRET_KEY": "only-for-the-benchmark-" * 3,
        "DATA_DIR": stack.enter_context(tempfile.TemporaryDirectory(prefix="metrics-")),
        "DATABASE_URL": url,
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


def _fill(count: int) -> Iterable[str]:
    """Write the rows where there are none yet, bring roll-ups and sums of ratings up to them; yield what it took."""
    from benchmarks import metrics_rows
    from feedback.services import tallies
    from routing.models import LedgerEntry
    from routing.services import rollups

    if LedgerEntry.objects.exists():
        return
    now = datetime.now(UTC)
    print(f"{count:,} rows need about {count * BYTES_PER_ROW / 1e9:.1f} GB.", flush=True)
    writing = _seconds(lambda: metrics_rows.fill(count, now=now))
    yield f"- {now:%Y-%m-%d}; {count:,} rows written and indexed in {writing:.0f} s"
    _mark_everything()
    client = _staff()
    for path in REPORTS:
        yield f"- `{path}` without roll-ups: {_milliseconds(client, path, times=1):,.0f} ms"
    hours = 0

    def roll() -> None:
        nonlocal hours
        hours = rollups.roll(now=now, seconds=float("inf"))

    rolling = _seconds(roll)
    yield f"- {hours:,} hours rolled up in {rolling:.0f} s, {rolling / count * 1e6:.1f} s a million rows"
    yield f"- ratings added up in {_seconds(lambda: tallies.add_up(now=now, seconds=float('inf'))):.1f} s"


def _ask() -> Iterable[str]:
    from benchmarks import metrics_rows
    from routing.models import LedgerEntry
    from routing.services import rollup_check, rollups

    now = datetime.now(UTC)
    client = _staff()
    metrics_rows.go_on(now=now)
    rollups.rebuild(since=now - timedelta(days=1), until=now)
    yield f"- {now:%Y-%m-%d}; {_sizes()}"
    yield f"- one hour rolled up anew in {_one_hour(now) * 1000:.0f} ms"
    month = now - timedelta(days=30)
    count = LedgerEntry.objects.filter(created_at__gte=month).count()
    rolling = _seconds(lambda: rollups.rebuild(since=month, until=now))
    yield f"- {count:,} rows of 30 days rolled up anew in {rolling:.1f} s, {rolling / count * 1e6:.1f} s a million rows"
    wrong: list[Any] = []
    checking = _seconds(lambda: wrong.extend(rollup_check.verify(since=now - timedelta(days=7), until=now)))
    yield f"- the last week verified in {checking:.1f} s: {len(wrong)} differences"
    yield ""
    yield table(("report", "computed, ms", "cached, ms"), _reports(client))
    yield ""
    yield table(("page of the admin", "ms"), _lists(client))


def table(headings: Sequence[str], rows: Iterable[Row]) -> str:
    """Return rows as a table in Markdown, the first column to the left."""
    lines = [headings, ("---", *["---:"] * (len(headings) - 1)), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _reports(client: Any) -> Iterable[Row]:
    for path in REPORTS:
        computed = _milliseconds(client, path)
        kept = f"{_milliseconds(client, path, is_emptied=False):.1f}" if path.startswith("/routing/metrics") else "-"
        yield path, f"{computed:.1f}", kept


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
    user, _ = get_user_model().objects.get_or_create(username="benchmark", is_staff=True, is_superuser=True)
    client.force_login(user)
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
    parser.add_argument("--database", metavar="URL", help="a PostgreSQL database to fill and keep, or to ask again")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/PERFORMANCE.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
