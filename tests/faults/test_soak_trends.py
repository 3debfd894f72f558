"""What counts as growth over a long run."""

import pytest

from faults.soak import picture
from faults.soak.sampling import ALL, UNDER_WAY, Sample
from faults.soak.trends import TooFewSamples, trend, trends

# A sample every 5 seconds for an hour.
AT = [5.0 * number for number in range(721)]


def test_memory_that_swings_and_does_not_grow_is_no_problem() -> None:
    found = trend("web 1", "memory", [(at, 200.0 + (at % 30) / 10) for at in AT])

    # The swing is one of 0 to 2.5 MiB.
    assert found.level == pytest.approx(201.25, abs=0.05)
    assert found.growth == pytest.approx(0.0, abs=0.1)
    assert found.problem is None


def test_memory_that_drifts_by_more_than_a_fiftieth_is_told() -> None:
    # From 200 to 210 MiB.
    found = trend("web 1", "memory", [(at, 200.0 + at / 360) for at in AT])

    assert found.growth == pytest.approx(10.0)
    assert found.problem == (
        "memory of web 1: grew by 10.0 (4.9 %), at most 4.1 is allowed; 95 % interval 10.0 to 10.0"
    )


def test_files_that_go_up_and_down_with_the_load_are_no_leak() -> None:
    # Ever more requests under way, and none of them now and then.
    found = trend("web 1", "files", [(at, 40.0 + (0 if at % 100 == 0 else at / 100)) for at in AT])

    assert found.problem is None


def test_requests_that_queue_are_told_and_no_problem() -> None:
    # From 10 to 46 on average: the machine did not keep up, which is nothing that a process holds.
    found = trend(ALL, UNDER_WAY, [(at, 10.0 + at / 100 + at % 10) for at in AT])

    assert found.growth == pytest.approx(36.0, abs=0.5)
    assert found.problem is None


def test_files_that_stay_open_are_a_leak() -> None:
    # One more every ten minutes, whatever the load.
    found = trend("web 1", "files", [(at, 40.0 + at // 600 + at % 10) for at in AT])

    assert found.growth == pytest.approx(6.0, abs=0.5)
    assert found.problem is not None


def test_what_cannot_be_told_from_chance_is_no_problem() -> None:
    # Two blocks in three are high, in no order: a slope without meaning.
    found = trend("worker", "threads", [(at, 10.0 + 9 * ((at // 180) % 3 > 0)) for at in AT])

    assert found.low < 0 < found.high
    assert found.problem is None


def test_warm_up_is_left_out() -> None:
    samples = [Sample(at, "web 1", {"memory": min(200.0, 100.0 + at)}) for at in AT]

    assert [found.growth for found in trends(samples, warm_up_seconds=600)] == [pytest.approx(0.0)]


def test_run_too_short_for_a_line_says_so() -> None:
    with pytest.raises(TooFewSamples, match="let it run for longer"):
        trend("web 1", "memory", [(0.0, 1.0), (5.0, 1.0)])


def test_picture_shows_every_process() -> None:
    samples = [Sample(at, name, {"memory": 100.0, "files": 9.0}) for at in AT[:3] for name in ("web 1", "beat")]

    drawn = picture.draw(samples, warm_up_seconds=5.0, title="3 samples & more")

    # A line for each process in each of the two panels that have figures.
    assert drawn.count("<polyline") == 4
    assert "3 samples &amp; more" in drawn
