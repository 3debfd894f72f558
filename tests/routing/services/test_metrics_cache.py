import threading
import time

import pytest
import time_machine
from django.core.cache.backends.locmem import LocMemCache
from redis.exceptions import TimeoutError as RedisTimeout

from routing.services.metrics_cache import MetricsCache, MetricsCacheStats


class BrokenCache(LocMemCache):
    """A store that can be taken away, at the process's edge; says how often it was asked meanwhile."""

    def __init__(self, name):
        super().__init__(name, {})
        self.is_away = False
        self.asked_in_vain = 0

    def _meet(self):
        if self.is_away:
            self.asked_in_vain += 1
            raise RedisTimeout("Timeout reading from socket")

    def get(self, *args, **kwargs):
        self._meet()
        return super().get(*args, **kwargs)

    def add(self, *args, **kwargs):
        self._meet()
        return super().add(*args, **kwargs)

    def set(self, *args, **kwargs):
        self._meet()
        super().set(*args, **kwargs)


@pytest.fixture
def store(request):
    shared = BrokenCache(request.node.name)
    yield shared
    shared.clear()


@pytest.fixture(autouse=True)
def no_report_is_left_of_another_test():
    LocMemCache("metrics", {}).clear()


class Report:
    """A report that takes a moment to compute and counts how often it was."""

    def __init__(self, seconds=0.0):
        self.seconds = seconds
        self.computed = 0

    def __call__(self):
        self.computed += 1
        time.sleep(self.seconds)
        return f"report {self.computed}"


def test_a_report_is_computed_anew_when_it_has_expired(store):
    cache, report = MetricsCache(store), Report()
    with time_machine.travel(1_000_000, tick=False) as clock:
        found = [cache.get("metrics:latest", report) for _ in range(2)]
        clock.shift(29)
        found.append(cache.get("metrics:latest", report))
        clock.shift(2)
        found.append(cache.get("metrics:latest", report))

    assert found == ["report 1", "report 1", "report 1", "report 2"]
    assert cache.stats().hits == 2
    assert cache.stats().misses == 2


def test_reports_of_other_keys_are_their_own(store):
    cache = MetricsCache(store)

    assert cache.get("metrics:latest:team=1", lambda: "one") == "one"
    assert cache.get("metrics:latest:team=2", lambda: "two") == "two"
    assert cache.stats() == MetricsCacheStats(entries=2, hits=0, misses=2)


def test_many_who_ask_at_once_in_two_processes_wait_for_one_computation(store):
    processes, report = [MetricsCache(store), MetricsCache(store)], Report(seconds=0.1)
    found: list[str] = []
    askers = [
        threading.Thread(target=lambda cache=processes[number % 2]: found.append(cache.get("metrics:latest", report)))
        for number in range(20)
    ]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()

    assert found == ["report 1"] * 20
    assert report.computed == 1
    assert (processes[0].stats().hits, processes[1].stats().misses) == (19, 1)


def test_a_computation_that_fails_is_left_to_the_next_who_asks(store):
    cache = MetricsCache(store)

    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.get("metrics:latest", fail)
    assert cache.get("metrics:latest", Report()) == "report 1"


def test_a_store_that_is_away_is_asked_once_and_the_process_keeps_its_own_reports(store):
    cache, report = MetricsCache(store), Report()
    store.is_away = True

    found = [cache.get("metrics:latest", report) for _ in range(3)]

    assert found == ["report 1"] * 3
    assert store.asked_in_vain == 1


def test_a_store_is_asked_again_where_nobody_could_look_for_its_return(store, no_thread_starts):
    cache, report = MetricsCache(store), Report()
    store.is_away = True
    with no_thread_starts():
        assert cache.get("metrics:latest", report) == "report 1"
    store.is_away = False

    assert MetricsCache(store).get("metrics:latest", report) == "report 2"
    assert cache.get("metrics:latest", report) == "report 2"
