import threading
import time

import pytest

from monitoring.services.bounded_check import BoundedCheck


def test_a_result_is_passed_on_and_so_is_an_error():
    assert BoundedCheck(lambda: 42, seconds=5).result() == 42
    with pytest.raises(ZeroDivisionError):
        BoundedCheck(lambda: 1 // 0, seconds=5).result()


def test_a_check_that_hangs_does_not_hang_its_caller_and_costs_one_thread_however_often_it_is_asked():
    released = threading.Event()
    check = BoundedCheck(released.wait, seconds=0.05)
    before = threading.active_count()
    started = time.monotonic()

    for _ in range(5):
        with pytest.raises(TimeoutError):
            check.result()

    assert time.monotonic() - started < 2
    assert threading.active_count() == before + 1
    released.set()
    assert check.result() is True


def test_a_result_is_given_again_only_while_it_is_fresh():
    runs: list[int] = []
    fresh = BoundedCheck(lambda: runs.append(1), seconds=5, fresh_seconds=60)
    stale = BoundedCheck(lambda: runs.append(1), seconds=5)

    for _ in range(3):
        fresh.result()
    assert len(runs) == 1
    for _ in range(3):
        stale.result()
    assert len(runs) == 4


def test_many_callers_at_once_share_one_run():
    entered = threading.Semaphore(0)
    released = threading.Event()

    def check() -> int:
        entered.release()
        released.wait(30)
        return 7

    # Fresh for long, because some of the callers may come only when the run is over.
    shared = BoundedCheck(check, seconds=30, fresh_seconds=60)
    found: list[int] = []
    callers = [threading.Thread(target=lambda: found.append(shared.result())) for _ in range(8)]
    for caller in callers:
        caller.start()
    assert entered.acquire(timeout=30)
    released.set()
    for caller in callers:
        caller.join(30)

    assert found == [7] * 8
    assert not entered.acquire(blocking=False)


def test_a_check_that_no_thread_can_be_made_for_is_made_by_the_next_who_asks(no_thread_starts):
    check = BoundedCheck(lambda: 42, seconds=0.5)
    with no_thread_starts():
        check.start()
        with pytest.raises(RuntimeError):
            check.result()

    assert check.result() == 42
