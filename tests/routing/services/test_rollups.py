"""Roll-ups say what the ledger says, whatever happens to it and in whatever order."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from routing.domain.latency_histogram import bucket_of
from routing.domain.traffic import Dimension, Traffic
from routing.domain.usage import Usage
from routing.models import ChangedHour, LedgerEntry, UsageBucket
from routing.selectors import usage
from routing.services import change_marks, ledger, rollup_check, rollups, usage_sums
from tests import factories
from tests.routing.services.ledger_requests import Request, key

pytestmark = pytest.mark.django_db

MIDNIGHT = datetime(2026, 3, 4, tzinfo=UTC)
NOW = MIDNIGHT + timedelta(hours=30)
LATER = NOW + timedelta(days=2)
BEFORE, AFTER = MIDNIGHT - timedelta(days=1), MIDNIGHT + timedelta(days=2)


def scanned(team_id: int | None, since: datetime = BEFORE, until: datetime = AFTER) -> dict[str, Traffic]:
    """The second implementation: every row read and added up in Python, by outcome."""
    found: dict[str, Traffic] = {}
    for row in LedgerEntry.objects.filter(created_at__gte=since, created_at__lt=until):
        if team_id in (None, row.team_id):
            outcome = "cached" if row.is_cache_hit and row.state == "settled" else row.state
            found[outcome] = found.get(outcome, Traffic()) + _traffic(row)
    return found


def _traffic(row: LedgerEntry) -> Traffic:
    is_real = not row.is_simulated and not row.is_embedded
    cost, savings = row.cost_nano_usd or 0, row.savings_nano_usd or 0
    return Traffic(
        requests=1,
        succeeded=row.state == "settled",
        failed=row.state in ("failed", "partial", "orphaned"),
        fallbacks=row.is_fallback,
        cache_hits=row.is_cache_hit,
        unpriced_requests=row.is_unpriced,
        estimated_requests=row.is_estimated,
        simulated_requests=not is_real,
        input_tokens=row.input_tokens or 0,
        output_tokens=row.output_tokens or 0,
        cost_nano_usd=cost * is_real,
        baseline_cost_nano_usd=(row.baseline_cost_nano_usd or 0) * is_real * (row.savings_nano_usd is not None),
        savings_nano_usd=savings * is_real,
        simulated_cost_nano_usd=cost * (not is_real),
        simulated_savings_nano_usd=savings * (not is_real),
        latency_ms=row.latency_ms or 0,
        timed_requests=row.latency_ms is not None,
    )


def reported(team_id: int | None, since: datetime = BEFORE, until: datetime = AFTER) -> dict[str, Traffic]:
    period = usage.window(team_id=team_id, since=since, until=until)
    return {str(outcome): part for (outcome,), part in usage.breakdown(period, Dimension.OUTCOME).items()}


def request_at(api_key, hour: int) -> Request:
    """A request that came in at half past this hour after midnight."""
    request = Request(api_key)
    request.row["created_at"] = (MIDNIGHT + timedelta(hours=hour, minutes=30)).isoformat()
    return request


def orphaning(request: Request) -> ledger.CloseEntry:
    """What the reconciler does to a row whose process seems to have ended."""
    closing = request.closing()
    row = {**closing.row, "state": "orphaned", "cost_nano_usd": 7, "latency_ms": None, "error_code": "process_ended"}
    return ledger.CloseEntry(row, only_pending=True)


@pytest.fixture
def api_key():
    return key()


steps = st.lists(
    st.tuples(
        st.sampled_from(["open", "settle", "fall_back", "orphan", "roll", "roll", "rebuild"]),
        st.integers(0, 30),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=12,
)


@given(steps=steps, edges=st.tuples(st.integers(0, 1800), st.integers(0, 1800)))
@hypothesis_settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_order_of_changes_and_roll_ups_gives_what_a_scan_gives(api_key, steps, edges):
    for model in (LedgerEntry, ChangedHour, UsageBucket):
        model.objects.all().delete()
    opened: list[Request] = []
    for number, (step, hour, which) in enumerate(steps):
        request = opened[which % len(opened)] if opened else request_at(api_key, hour)
        match step:
            case "open":
                opened.append(request_at(api_key, hour))
                ledger.apply([opened[-1].opening()])
            case "settle":
                ledger.apply([request.closing(Usage(input_tokens=1000, output_tokens=number))])
            case "fall_back":
                ledger.apply([request.extension()])
            case "orphan":
                ledger.apply([orphaning(request)])
            case "roll":
                rollups.roll(now=MIDNIGHT + timedelta(hours=hour))
            case "rebuild":
                rollups.rebuild(since=MIDNIGHT, until=MIDNIGHT + timedelta(hours=hour))
        assert reported(None) == scanned(None)
    since, until = sorted(MIDNIGHT + timedelta(minutes=minute) for minute in edges)
    assert reported(api_key.team_id, since, until) == scanned(api_key.team_id, since, until)
    rollups.roll(now=LATER)
    assert (reported(None), ChangedHour.objects.count()) == (scanned(None), 0)
    assert list(rollup_check.verify(since=BEFORE, until=AFTER)) == []


def test_a_request_settled_after_its_hour_was_rolled_up_is_read_from_the_ledger_until_the_next_roll_up(api_key):
    late = request_at(api_key, 3)
    ledger.apply([late.opening()])
    assert rollups.roll(now=NOW) == 1

    ledger.apply([late.closing()])

    assert reported(None) == scanned(None)
    assert reported(None)["settled"].requests == 1
    assert rollups.roll(now=NOW) == 1
    assert reported(None)["settled"].requests == 1


def test_an_hour_is_rolled_up_five_minutes_after_its_end(api_key):
    ledger.apply([request_at(api_key, 3).opening()])

    assert rollups.roll(now=MIDNIGHT + timedelta(hours=4, minutes=4, seconds=59)) == 0
    assert rollups.roll(now=MIDNIGHT + timedelta(hours=4, minutes=5)) == 1


def test_nothing_is_rolled_up_twice(api_key):
    ledger.apply([request_at(api_key, hour).opening() for hour in (1, 1, 2, 26)])

    assert [rollups.roll(now=LATER), rollups.roll(now=LATER)] == [3, 0]


def test_marks_that_changed_since_they_were_read_are_kept(api_key):
    request = request_at(api_key, 3)
    ledger.apply([request.opening()])
    read_before = list(ChangedHour.objects.all())
    ledger.apply([request.closing()])

    assert not change_marks.take_back(read_before)
    assert ChangedHour.objects.count() == 1
    assert change_marks.take_back(list(ChangedHour.objects.all()))
    assert ChangedHour.objects.count() == 0


def test_a_mark_taken_back_and_made_anew_is_another(api_key):
    ledger.apply([request_at(api_key, 3).opening()])
    first = list(ChangedHour.objects.all())
    change_marks.take_back(first)
    ledger.apply([request_at(api_key, 3).opening()])

    assert not change_marks.take_back(first)


def test_a_day_is_the_sum_of_its_hours_and_replaces_them_in_reports(api_key, django_assert_num_queries):
    ledger.apply([request_at(api_key, hour).opening() for hour in range(24)])
    rollups.roll(now=LATER)
    UsageBucket.objects.filter(span="hour").delete()

    with django_assert_num_queries(2):
        totals = usage.totals(usage.window(team_id=api_key.team_id))

    assert totals.requests == 24


def test_latencies_of_rolled_up_and_other_hours_are_counted_together(api_key):
    team = api_key.team
    for minutes, latency_ms in enumerate((10, 500, 1000, 2000, 60_000)):
        factories.ledger_entry(team, created_at=MIDNIGHT + timedelta(hours=minutes), latency_ms=latency_ms)
    factories.ledger_entry(team, created_at=MIDNIGHT, latency_ms=90_000, state="failed")
    rollups.roll(now=MIDNIGHT + timedelta(hours=3))

    latency = usage.latency(usage.window(team_id=None))

    # Exact: the third of five, and 1,000 + 0.8 and 0.96 of the way between the last two.
    assert latency.p50 == pytest.approx(1000, rel=1 / 64)
    assert latency.p95 == pytest.approx(2000 + 0.8 * 58_000, rel=1 / 64)
    assert latency.p99 == pytest.approx(2000 + 0.96 * 58_000, rel=1 / 64)


def test_the_database_puts_latencies_into_the_same_buckets(api_key):
    latencies = [0, 1, 63, 64, 65, 127, 128, 131, 999, 65_535, 65_536, 2**31 - 1]
    for latency_ms in latencies:
        factories.ledger_entry(api_key.team, created_at=MIDNIGHT, latency_ms=latency_ms)

    found = usage_sums.of_ledger([MIDNIGHT])

    counted = found[MIDNIGHT, None].latencies[usage_sums.TOTAL]
    assert counted == Counter(bucket_of(latency_ms) for latency_ms in latencies)


def test_verify_finds_what_is_wrong_and_rebuild_repairs_it(api_key):
    ledger.apply([request_at(api_key, hour).opening() for hour in (1, 2, 26)])
    rollups.roll(now=LATER)
    UsageBucket.objects.filter(span="hour", team=None, starts_at__hour=1).update(figures="{}")
    # Written without a mark, as nobody may.
    factories.unsaved_ledger_entry(api_key.team, created_at=MIDNIGHT + timedelta(hours=5)).save(force_insert=True)

    wrong = {(found.span, found.starts_at.hour) for found in rollup_check.verify(since=BEFORE, until=AFTER)}

    # The hour that was changed, the day that is no longer its sum, and the hour that nobody knew of.
    assert wrong == {("hour", 1), ("day", 0), ("hour", 5)}
    assert rollups.rebuild(since=BEFORE, until=AFTER) == 4
    assert list(rollup_check.verify(since=BEFORE, until=AFTER)) == []
    assert reported(None) == scanned(None)


def test_what_is_no_longer_in_the_ledger_stays_in_the_roll_ups(api_key):
    ledger.apply([request_at(api_key, hour).opening() for hour in (1, 26)])
    rollups.roll(now=LATER)
    LedgerEntry.objects.filter(created_at__lt=MIDNIGHT + timedelta(hours=2)).delete()

    rollups.rebuild(since=BEFORE, until=AFTER)

    assert usage.totals(usage.window(team_id=None)).requests == 2
    assert list(rollup_check.verify(since=BEFORE, until=AFTER)) == []


@pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="SQLite has one writer at a time.")
@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_committed_after_its_hour_was_rolled_up_is_seen_at_once(api_key):
    ledger.apply([request_at(api_key, 3).opening()])
    has_written, may_commit = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with transaction.atomic():
            ledger.apply([request_at(api_key, 3).opening()])
            has_written.set()
            may_commit.wait(10)
        connection.close()

    writer = threading.Thread(target=write_slowly)
    writer.start()
    has_written.wait(10)
    assert rollups.roll(now=NOW) == 1
    before = reported(None)["pending"].requests
    may_commit.set()
    writer.join()

    assert (before, reported(None)["pending"].requests) == (1, 2)
    assert rollups.roll(now=NOW) == 1
    assert reported(None)["pending"].requests == 2


@pytest.mark.django_db(transaction=True)
def test_writers_and_roll_ups_at_once_lose_nothing(api_key):
    requests = [request_at(api_key, number % 3) for number in range(60)]
    ended = threading.Event()

    def write(mine: list[Request]) -> None:
        for request in mine:
            ledger.apply([request.opening()])
            ledger.apply([request.closing()])
        connection.close()

    def roll() -> None:
        while not ended.is_set():
            rollups.roll(now=NOW)
        connection.close()

    rollers = [threading.Thread(target=roll) for _ in range(2)]
    writers = [threading.Thread(target=write, args=(requests[number::3],)) for number in range(3)]
    for thread in (*rollers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    ended.set()
    for thread in rollers:
        thread.join()
    rollups.roll(now=NOW)

    assert reported(None)["settled"].requests == 60
    assert reported(None) == scanned(None)
    assert list(rollup_check.verify(since=BEFORE, until=AFTER)) == []
    assert ChangedHour.objects.count() == 0
