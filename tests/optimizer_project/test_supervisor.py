import asyncio
import os
import signal
import sys
import time

import pytest

from optimizer_project.cli.supervisor import ChildSpec, StartFailed, Supervisor

PATIENT = """
import signal, sys, time
def stop(*_):
    print("stopping")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("up")
while True:
    time.sleep(0.05)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up")
while True:
    time.sleep(0.05)
"""
FAILING = "import sys; print('no luck'); sys.exit(3)"


class Output:
    """Collects lines and wakes those who wait for one."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._grown = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def emit(self, line: str) -> None:
        self.lines.append(line)
        task = asyncio.ensure_future(self._wake())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def until(self, line: str, times: int = 1) -> None:
        async with self._grown, asyncio.timeout(20):
            await self._grown.wait_for(lambda: self.lines.count(line) >= times)

    async def _wake(self) -> None:
        async with self._grown:
            self._grown.notify_all()


def child(name: str, code: str, *, stop_seconds: float = 10.0, is_essential: bool = False) -> ChildSpec:
    return ChildSpec(
        name=name,
        command=(sys.executable, "-u", "-c", code),
        environment=dict(os.environ),
        stop_seconds=stop_seconds,
        is_essential=is_essential,
    )


async def test_children_are_stopped_in_the_reverse_order_of_their_start() -> None:
    output = Output()
    supervisor = Supervisor([child("store", PATIENT), child("web", PATIENT)], output.emit)

    async def stop_when_up() -> None:
        await output.until("store | up")
        await output.until("web   | up")
        os.kill(os.getpid(), signal.SIGTERM)

    await supervisor.run(stop_when_up)
    assert output.lines[-2:] == ["web   | stopping", "store | stopping"]


async def test_interrupt_stops_as_well() -> None:
    output = Output()
    supervisor = Supervisor([child("web", PATIENT)], output.emit)

    async def interrupt_when_up() -> None:
        await output.until("web | up")
        os.kill(os.getpid(), signal.SIGINT)

    await supervisor.run(interrupt_when_up)
    assert output.lines[-1] == "web | stopping"


async def test_child_that_does_not_stop_in_time_is_killed() -> None:
    output = Output()
    supervisor = Supervisor([child("web", STUBBORN, stop_seconds=0.3)], output.emit)

    async def stop_when_up() -> None:
        await output.until("web | up")
        os.kill(os.getpid(), signal.SIGTERM)

    await supervisor.run(stop_when_up)
    assert output.lines[-1] == "web did not stop in time and is killed."


async def test_second_request_to_stop_does_not_wait() -> None:
    output = Output()
    supervisor = Supervisor([child("web", STUBBORN, stop_seconds=60)], output.emit)

    async def stop_twice_when_up() -> None:
        await output.until("web | up")
        supervisor.stop()
        supervisor.stop()

    started = time.monotonic()
    await supervisor.run(stop_twice_when_up)
    assert time.monotonic() - started < 20


async def test_crashed_child_is_started_again() -> None:
    output = Output()
    supervisor = Supervisor([child("model", FAILING), child("web", PATIENT)], output.emit)

    async def stop_after_two_crashes() -> None:
        await output.until("model | no luck", times=2)
        os.kill(os.getpid(), signal.SIGTERM)

    await supervisor.run(stop_after_two_crashes)
    assert "model ended with code 3; starting it again in 1 s." in output.lines
    assert output.lines[-1] == "web   | stopping"


async def test_essential_child_that_keeps_failing_ends_the_start_and_stops_the_others() -> None:
    output = Output()
    supervisor = Supervisor([child("store", PATIENT), child("web", FAILING, is_essential=True)], output.emit)
    with pytest.raises(StartFailed, match="web ended 3 times while starting, last with code 3"):
        await supervisor.run(asyncio.Event().wait)
    assert output.lines[-1] == "store | stopping"


async def test_failure_of_the_announcement_stops_the_children() -> None:
    output = Output()
    supervisor = Supervisor([child("web", PATIENT)], output.emit)

    async def fail_when_up() -> None:
        await output.until("web | up")
        raise LookupError("not ready")

    with pytest.raises(LookupError, match="not ready"):
        await supervisor.run(fail_when_up)
    assert output.lines[-1] == "web | stopping"


async def test_line_beyond_the_limit_is_left_out_and_the_next_one_shown() -> None:
    output = Output()
    supervisor = Supervisor([child("web", f"print('x' * 3_000_000); print('short')\n{PATIENT}")], output.emit)

    async def stop_when_up() -> None:
        await output.until("web | up")
        os.kill(os.getpid(), signal.SIGTERM)

    await supervisor.run(stop_when_up)
    assert "web | short" in output.lines
    assert max(map(len, output.lines)) < 2_000_000
