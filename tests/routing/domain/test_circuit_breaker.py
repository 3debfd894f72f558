from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from routing.domain.circuit_breaker import CircuitBreaker

THRESHOLD, PAUSE = 3, 10.0


def failing(times: int, *, at: float = 0.0) -> CircuitBreaker:
    breaker = CircuitBreaker(THRESHOLD, PAUSE)
    for _ in range(times):
        breaker.record_failure(at)
    return breaker


def test_breaker_opens_with_the_last_of_enough_failures_in_a_row() -> None:
    assert failing(THRESHOLD - 1).state(0.0) == "closed"
    assert failing(THRESHOLD).state(0.0) == "open"
    assert not failing(THRESHOLD).try_acquire(9.9)


def test_five_failures_open_it_for_fifteen_seconds_by_default() -> None:
    breaker = CircuitBreaker()
    for _ in range(5):
        breaker.record_failure(100.0)

    assert (breaker.state(114.9), breaker.state(115.0)) == ("open", "half_open")


def test_success_forgets_the_failures_before_it() -> None:
    breaker = failing(THRESHOLD - 1)
    breaker.record_success()
    breaker.record_failure(1.0)

    assert breaker.state(1.0) == "closed"


def test_after_the_pause_one_probe_at_a_time_is_let_through() -> None:
    breaker = failing(THRESHOLD)

    assert breaker.state(10.0) == "half_open"
    assert [breaker.try_acquire(10.0), breaker.try_acquire(10.0)] == [True, False]


def test_probe_that_succeeds_closes_it() -> None:
    breaker = failing(THRESHOLD)
    breaker.try_acquire(10.0)

    breaker.record_success()

    assert breaker.state(10.0) == "closed"
    assert [breaker.try_acquire(10.0), breaker.try_acquire(10.0)] == [True, True]


def test_probe_that_fails_opens_it_for_another_pause() -> None:
    breaker = failing(THRESHOLD)
    breaker.try_acquire(10.0)

    breaker.record_failure(12.0)

    assert (breaker.state(21.9), breaker.state(22.0)) == ("open", "half_open")


def test_probe_that_says_nothing_gives_its_place_back() -> None:
    breaker = failing(THRESHOLD)
    breaker.try_acquire(10.0)

    breaker.release()

    assert breaker.try_acquire(10.1)


def test_probe_that_never_reports_does_not_block_for_good() -> None:
    breaker = failing(THRESHOLD)
    breaker.try_acquire(10.0)

    assert not breaker.try_acquire(19.9)
    assert breaker.try_acquire(20.0)


class Breaker(RuleBasedStateMachine):
    """Any order of calls, outcomes and pauses, against the rules in words."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = CircuitBreaker(THRESHOLD, PAUSE)
        self.now = 0.0
        self.failures_in_a_row = 0

    @rule(seconds=st.floats(0.0, 25.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def a_call_is_wished(self) -> None:
        state, available = self.breaker.state(self.now), self.breaker.is_available(self.now)
        admitted = self.breaker.try_acquire(self.now)
        assert admitted == available
        assert admitted or state != "closed"
        assert not (admitted and state == "open")

    @rule()
    def a_call_succeeds(self) -> None:
        self.breaker.record_success()
        self.failures_in_a_row = 0
        assert self.breaker.state(self.now) == "closed"
        assert self.breaker.is_available(self.now)

    @rule()
    def a_call_fails(self) -> None:
        self.breaker.record_failure(self.now)
        self.failures_in_a_row += 1

    @precondition(lambda self: self.breaker.state(self.now) == "half_open")
    @rule()
    def a_probe_is_alone(self) -> None:
        self.breaker.try_acquire(self.now)
        assert not self.breaker.try_acquire(self.now)

    @rule()
    def a_probe_is_taken_back(self) -> None:
        state = self.breaker.state(self.now)
        self.breaker.release()
        assert self.breaker.state(self.now) == state
        assert self.breaker.is_available(self.now) == (state != "open")

    @invariant()
    def few_failures_leave_it_closed(self) -> None:
        assert self.failures_in_a_row >= THRESHOLD or self.breaker.state(self.now) == "closed"

    @invariant()
    def it_never_stays_shut(self) -> None:
        assert self.breaker.is_available(self.now + 2 * PAUSE)


TestBreaker = Breaker.TestCase
