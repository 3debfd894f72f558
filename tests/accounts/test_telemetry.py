import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from accounts.services import telemetry, telemetry_files
from accounts.services.telemetry import MAX_LABEL_SETS, Telemetry, UnknownSeries
from accounts.services.telemetry_files import OwnFile, Tally


@pytest.fixture
def noted(tmp_path: Path) -> Telemetry:
    return Telemetry(tmp_path / "figures")


def figures(directory: Path) -> dict[tuple[str, tuple[str, ...]], tuple[float, ...]]:
    return {(tally.name, tally.labels): tally.numbers for tally in telemetry_files.read(directory)}


def test_what_is_counted_adds_up_by_label(noted):
    noted.count("api_errors_total", endpoint="/complete", status="503")
    noted.count("api_errors_total", 2, status="503", endpoint="/complete")
    noted.count("api_errors_total", endpoint="/feedback", status="500")
    noted.write()

    assert figures(noted.directory) == {
        ("api_errors_total", ("/complete", "503")): (3.0,),
        ("api_errors_total", ("/feedback", "500")): (1.0,),
    }


def test_a_value_is_counted_in_the_first_bucket_that_reaches_up_to_it(noted):
    for seconds in (0.0005, 0.0006, 7.0):
        noted.observe("gateway_overhead_seconds", seconds)

    *counts, total = noted.tallies()[0].numbers
    # Bounds are 0.5 ms, 1 ms, … up to 5 s: the bound itself belongs to its bucket, what is beyond the last to infinity.
    assert counts == [1, 1, *[0] * 11, 1]
    assert total == pytest.approx(7.0011)


def test_a_block_is_timed_also_where_it_fails(noted):
    with pytest.raises(ValueError, match="broken"), noted.timed("roi_calculation_duration_seconds"):
        raise ValueError("broken")

    assert sum(noted.tallies()[0].numbers[:-1]) == 1


def test_a_figure_that_is_not_in_the_table_is_refused(noted):
    with pytest.raises(UnknownSeries, match=r"accounts/domain/series\.py"):
        noted.count("api_erors_total")
    with pytest.raises(UnknownSeries, match="takes the labels"):
        noted.count("api_errors_total", path="/complete")
    with pytest.raises(UnknownSeries, match="not counted by processes"):
        noted.count("llm_cost_usd_total", provider="openai", model="gpt")


def test_label_sets_beyond_the_bound_are_counted_together(noted):
    for number in range(MAX_LABEL_SETS + 5):
        noted.count("api_errors_total", endpoint=f"/{number}", status="500")
    noted.count("api_errors_total", endpoint="/1", status="500")

    counted = {tally.labels: tally.numbers for tally in noted.tallies()}
    assert len(counted) == MAX_LABEL_SETS + 1
    assert counted["other", "other"] == (5.0,)
    assert counted["/1", "500"] == (2.0,)


def test_a_series_of_many_label_sets_takes_none_from_the_others(noted):
    for number in range(MAX_LABEL_SETS + 1):
        noted.count("api_errors_total", endpoint=f"/{number}", status="500")
    noted.count("db_rollbacks_total")
    noted.count("provider_errors_total", provider="away", model="gone", code="connect")

    counted = {(tally.name, tally.labels) for tally in noted.tallies()}
    assert ("db_rollbacks_total", ()) in counted
    assert ("provider_errors_total", ("away", "gone", "connect")) in counted


def test_nothing_is_lost_between_threads(noted):
    def count() -> None:
        for _ in range(2_000):
            noted.count("db_rollbacks_total")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert noted.tallies() == [Tally("db_rollbacks_total", (), (8_000.0,))]


def test_processes_are_added_up_and_a_gauge_is_the_latest_or_the_sum_of_the_living(tmp_path):
    one, other = OwnFile(tmp_path), OwnFile(tmp_path)
    one.write(
        [
            Tally("db_rollbacks_total", (), (2.0,)),
            Tally("gateway_requests_in_flight", (), (3.0, 100.0)),
            Tally("diversity_factor", (), (0.5, 200.0)),
        ]
    )
    other.write(
        [
            Tally("db_rollbacks_total", (), (5.0,)),
            Tally("gateway_requests_in_flight", (), (4.0, 101.0)),
            Tally("diversity_factor", (), (0.9, 100.0)),
        ]
    )

    found = figures(tmp_path)
    assert found["db_rollbacks_total", ()] == (7.0,)
    assert found["gateway_requests_in_flight", ()][0] == 7.0
    assert found["diversity_factor", ()][0] == 0.5


def test_what_an_ended_process_counted_is_kept_without_its_file(tmp_path):
    ended, alive = OwnFile(tmp_path), OwnFile(tmp_path)
    ended.write([Tally("db_rollbacks_total", (), (2.0,)), Tally("gateway_requests_in_flight", (), (3.0, 100.0))])
    alive.write([Tally("db_rollbacks_total", (), (5.0,))])
    ended.forget()

    telemetry_files.archive(tmp_path)
    telemetry_files.archive(tmp_path)

    assert figures(tmp_path) == {("db_rollbacks_total", ()): (7.0,)}
    assert len(list(tmp_path.glob("*.alive"))) == 1


def test_a_process_that_dies_while_it_archives_makes_nothing_count_twice(tmp_path):
    ended = OwnFile(tmp_path)
    ended.write([Tally("db_rollbacks_total", (), (2.0,))])
    ended.forget()
    copies = tmp_path.with_name("copies")
    shutil.copytree(tmp_path, copies)
    telemetry_files.archive(tmp_path)

    # As if it had written the archive and not yet deleted what went into it.
    for left_over in (*copies.glob("*.alive"), *copies.glob("*-*.json")):
        shutil.copy(left_over, tmp_path)

    assert figures(tmp_path) == {("db_rollbacks_total", ()): (2.0,)}
    telemetry_files.archive(tmp_path)
    assert figures(tmp_path) == {("db_rollbacks_total", ()): (2.0,)}


def test_a_forked_process_counts_from_nothing_into_a_file_of_its_own(noted):
    noted.count("db_rollbacks_total", 10)
    noted.write()
    child = os.fork()
    if child == 0:
        noted.after_fork()
        noted.count("db_rollbacks_total")
        noted.write()
        os._exit(0)
    os.waitpid(child, 0)
    noted.count("db_rollbacks_total")
    noted.write()
    telemetry_files.archive(noted.directory)

    assert figures(noted.directory) == {("db_rollbacks_total", ()): (12.0,)}
    assert len(list(noted.directory.glob("*.alive"))) == 1


def test_files_that_were_cut_off_or_written_by_another_version_are_passed_over(tmp_path):
    own, torn = OwnFile(tmp_path), OwnFile(tmp_path)
    own.write(
        [
            Tally("db_rollbacks_total", (), (2.0,)),
            Tally("no_such_series_total", (), (1.0,)),
            Tally("api_errors_total", ("/complete",), (1.0,)),
            Tally("gateway_overhead_seconds", (), (1.0, 2.0)),
        ]
    )
    torn.write([])
    newest = max(tmp_path.glob("*-*.json"), key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(b'{"tallies": [["db_')

    assert figures(tmp_path) == {("db_rollbacks_total", ()): (2.0,)}


def test_a_disk_that_takes_nothing_is_said_once_and_stops_nobody(tmp_path, caplog):
    in_the_way = tmp_path / "figures"
    in_the_way.write_text("not a directory")
    noted = Telemetry(in_the_way)

    noted.count("db_rollbacks_total")
    noted.write()
    noted.write()

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "cannot be written" in caplog.text


def test_nothing_is_there_before_anything_was_counted(tmp_path):
    assert telemetry_files.read(tmp_path / "not made yet") == []


def test_figures_are_written_once_there_is_memory_for_the_thread_that_does(noted, no_thread_starts, monkeypatch):
    monkeypatch.setattr(telemetry, "WRITE_SECONDS", 0.01)
    with no_thread_starts():
        noted.count("api_errors_total", endpoint="/complete", status="503")
    noted.count("api_errors_total", endpoint="/complete", status="503")

    deadline = time.monotonic() + 5
    while not noted.directory.exists() or not figures(noted.directory):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert figures(noted.directory) == {("api_errors_total", ("/complete", "503")): (2.0,)}
