"""Runs a fixed set of child processes: prefixes their output, restarts what crashes, stops them in order.

Process managers were looked at first. honcho stops everything when one child ends and never restarts; supervisor and
circus do both, but are daemons with a configuration language, and circus brings a compiled message queue.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

_COLORS = (36, 33, 32, 35, 34, 31)
_LINE_LIMIT_BYTES = 1024 * 1024
_HEALTHY_AFTER_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 30.0
_EARLY_EXITS_ALLOWED = 3


@dataclass(frozen=True)
class ChildSpec:
    """One child process.

    ``is_essential``: without it the start as a whole fails. ``wait_until_ready`` returns when the children after it
    may start. ``stop_seconds`` is how long it gets between the request to stop and being killed.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    stop_seconds: float
    is_essential: bool = False
    wait_until_ready: Callable[[], Awaitable[None]] | None = None


@dataclass
class _Child:
    spec: ChildSpec
    process: asyncio.subprocess.Process | None = None
    task: asyncio.Task[None] | None = None
    early_exits: int = 0


class StartFailed(Exception):
    """An essential child kept ending before the whole was ready."""


@dataclass
class Supervisor:
    """Starts the children in the order given and stops them in the reverse order."""

    specs: Sequence[ChildSpec]
    emit: Callable[[str], None]
    use_color: bool = False
    _children: list[_Child] = field(default_factory=list, init=False)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _hurry: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _failure: asyncio.Future[str] | None = field(default=None, init=False)
    _is_ready: bool = field(default=False, init=False)

    async def run(self, when_started: Callable[[], Awaitable[object]]) -> None:
        """Run until SIGINT or SIGTERM; ``when_started`` is awaited once all children are under way.

        Raises StartFailed, after stopping the others, when an essential child does not come up.
        """
        loop = asyncio.get_running_loop()
        self._failure = loop.create_future()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        try:
            await self._until_stopped(self._start(when_started))
            await self._until_stopped(asyncio.Event().wait())
        finally:
            await self._stop_all()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """Ask for the end of ``run``; asking again kills what has not ended yet."""
        if self._stopping.is_set():
            self._hurry.set()
            return
        self._stopping.set()
        self.emit("Stopping: open requests are answered first. Press Ctrl+C again to stop at once.")

    async def _until_stopped(self, work: Awaitable[object]) -> None:
        """Await the work, or leave it when a stop is asked for or the start has failed."""
        if self._failure is None:
            raise RuntimeError("run() was not called")
        task, stopping = asyncio.ensure_future(work), asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((task, stopping, self._failure), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            if not task.done():
                task.cancel()
        if self._failure.done():
            raise StartFailed(self._failure.result())
        if task.done() and not task.cancelled():
            task.result()

    async def _start(self, when_started: Callable[[], Awaitable[object]]) -> None:
        for spec in self.specs:
            child = _Child(spec)
            self._children.append(child)
            child.task = asyncio.create_task(self._keep_running(child))
            if spec.wait_until_ready:
                await spec.wait_until_ready()
        await when_started()
        self._is_ready = True

    async def _keep_running(self, child: _Child) -> None:
        pause = 1.0
        while not self._stopping.is_set():
            started = time.monotonic()
            code = await self._run_once(child)
            if self._stopping.is_set():
                return
            pause = 1.0 if time.monotonic() - started > _HEALTHY_AFTER_SECONDS else pause
            self._note_early_exit(child, code)
            self.emit(f"{child.spec.name} ended with code {code}; starting it again in {pause:.0f} s.")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _note_early_exit(self, child: _Child, code: int) -> None:
        child.early_exits += 1
        gave_up = child.spec.is_essential and not self._is_ready and child.early_exits >= _EARLY_EXITS_ALLOWED
        if gave_up and self._failure is not None and not self._failure.done():
            self._failure.set_result(
                f"{child.spec.name} ended {child.early_exits} times while starting, last with code {code}. "
                "Its lines above say why."
            )

    async def _run_once(self, child: _Child) -> int:
        process = await asyncio.create_subprocess_exec(
            *child.spec.command,
            env=dict(child.spec.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=_LINE_LIMIT_BYTES,
            # Ctrl+C reaches a whole terminal group; only the supervisor may act on it, or the order is lost.
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        child.process = process
        if self._stopping.is_set():
            # It came up while the stop was under way, and was not there to be told.
            _signal(process, signal.SIGTERM)
        output = asyncio.create_task(self._copy_output(child.spec.name, process))
        code = await process.wait()
        # A grandchild may hold the pipe open after the child has ended.
        await asyncio.wait((output,), timeout=1.0)
        output.cancel()
        return code

    async def _copy_output(self, name: str, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            return
        prefix = self._prefix(name)
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:
                # A line over the limit: the reader has dropped it.
                line = b"(a line too long to show)\n"
            if not line:
                return
            self.emit(prefix + line.decode(errors="replace").rstrip("\r\n"))

    def _prefix(self, name: str) -> str:
        names = [spec.name for spec in self.specs]
        label = f"{name:<{max(map(len, names))}} | "
        return f"\x1b[{_COLORS[names.index(name) % len(_COLORS)]}m{label}\x1b[0m" if self.use_color else label

    async def _stop_all(self) -> None:
        self._stopping.set()
        for child in reversed(self._children):
            await self._stop(child)

    async def _stop(self, child: _Child) -> None:
        if child.task is None:
            return
        if child.process is not None:
            _signal(child.process, signal.SIGTERM)
        hurry = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait((child.task, hurry), timeout=child.spec.stop_seconds, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if not child.task.done() and child.process is not None:
            self.emit(f"{child.spec.name} did not stop in time and is killed.")
            _signal_group(child.process, signal.SIGKILL)
        await child.task


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the supervisor dies, so that even SIGKILL leaves no orphan on the port."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
