"""What is measured of a target, and one round of it over all targets, interleaved measure by measure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import processes
from benchmarks.optimizer import Optimizer
from benchmarks.programs import Load, LoadResult, run_load
from benchmarks.targets import Target, Upstream

GROUPS = ("throughput", "streams", "latency")
CLOSED_LOOP_CONNECTIONS = (64, 16)
STREAM_CONNECTIONS = 32
OPEN_LOOP_CONNECTIONS = 32
OPEN_LOOP_RATES = (25, 100)
UPSTREAM_DELAY_MS = 50
# The share of the requested rate below which a target counts as not holding it.
_HELD = 0.97
# Fewer samples than this make a poor 99th percentile: slow rates are measured for longer, within reason.
_MIN_SAMPLES = 400

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure of one target in one round; ``value`` is None where it could not be had, ``note`` says why."""

    round: int
    target: str
    measure: str
    value: float | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and for how many seconds each time."""

    groups: Sequence[str]
    seconds: float


class Round:
    """One round over targets that are up. ``samples`` grows as it goes."""

    def __init__(self, number: int, plan: Plan, upstream: Upstream, progress: Progress) -> None:
        self.samples: list[Sample] = []
        self._number = number
        self._plan = plan
        self._upstream = upstream
        self._progress = progress

    def start(self, target: Target) -> None:
        """Start a target; record start-up time and memory at rest. Raises DidNotStart."""
        seconds = target.start()
        if target.pid is None:
            return
        processes.wait_until_quiet(target.pid)
        idle_mib = sum(processes.memory_mib(target.pid))
        self._add(target, "start_seconds", seconds)
        self._add(target, "memory_idle_mib", idle_mib)
        self._progress(f"{target.name}: first answer after {seconds:.1f} s, {idle_mib:.0f} MiB at rest")

    def measure(self, targets: Sequence[Target]) -> None:
        """Measure all targets, one measure after the other, so that a ratio compares neighbors in time."""
        if "throughput" in self._plan.groups:
            for connections in CLOSED_LOOP_CONNECTIONS:
                for target in targets:
                    self._throughput(target, connections)
        if "streams" in self._plan.groups:
            for target in targets:
                self._streams(target)
        if "latency" in self._plan.groups:
            self._latencies(targets)

    def _throughput(self, target: Target, connections: int) -> None:
        load = Load(connections, self._plan.seconds)
        takes_memory = connections == max(CLOSED_LOOP_CONNECTIONS)
        result = self._run(target, load, f"request_{connections}", takes_memory=takes_memory)
        note = _failure(result)
        self._add(target, f"requests_per_second_{connections}", None if note else result.per_second, note)
        self._add(target, f"p50_ms_{connections}", result.p50_ms, note)
        self._add(target, f"p99_ms_{connections}", result.p99_ms, note)

    def _streams(self, target: Target) -> None:
        result = self._run(target, Load(STREAM_CONNECTIONS, self._plan.seconds, is_stream=True), "stream")
        note = _failure(result)
        self._add(target, "streams_per_second", None if note else result.per_second, note)

    def _latencies(self, targets: Sequence[Target]) -> None:
        self._upstream.set_delay_ms(UPSTREAM_DELAY_MS)
        try:
            for rate in OPEN_LOOP_RATES:
                load = Load(OPEN_LOOP_CONNECTIONS, max(self._plan.seconds, _MIN_SAMPLES / rate), rate)
                results = {
                    target.name: self._run(target, load, f"request_at_{rate}")
                    for target in targets
                    if rate in target.open_loop_rates
                }
                self._add_latencies(targets, rate, results)
        finally:
            self._upstream.set_delay_ms(0)

    def _add_latencies(self, targets: Sequence[Target], rate: int, results: dict[str, LoadResult]) -> None:
        direct = results[self._upstream.name]
        for target in targets:
            result = results.get(target.name)
            for name in ("p50_ms", "p95_ms", "p99_ms"):
                measure = f"added_{name}_at_{rate}"
                if result is None:
                    self._add(target, measure, None, "cannot hold the rate")
                    continue
                own, base = getattr(result, name), getattr(direct, name)
                is_held = result.per_second >= rate * _HELD and own is not None and base is not None
                value = (own if target is self._upstream else own - base) if is_held else None
                self._add(target, measure, value, "" if is_held else "does not hold the rate")

    def _run(self, target: Target, load: Load, kind: str, *, takes_memory: bool = False) -> LoadResult:
        """Run the load once; record the processor time of a request, and memory under load when asked for."""

        def take_memory() -> None:
            if target.pid is not None:
                sizes = processes.memory_mib(target.pid)
                self._add(target, "memory_load_mib", sum(sizes))
                self._add(target, "memory_load_largest_process_mib", sizes[0])

        before = _processor_seconds(target)
        result = run_load(target.endpoint, load, while_running=take_memory if takes_memory else None)
        after = _processor_seconds(target)
        for measure, start, end in zip(("cpu_ms_per", "store_cpu_ms_per"), before, after, strict=True):
            if start is not None and end is not None and result.answered:
                self._add(target, f"{measure}_{kind}", (end - start) * 1000 / result.answered)
        self._add(target, f"failures_of_{kind}", result.failures)
        if isinstance(target, Optimizer):
            target.note_answers(result.ok)
        self._progress(f"{target.name}: {kind}: {_summary(result)}")
        return result

    def _add(self, target: Target, measure: str, value: float | None, note: str = "") -> None:
        self.samples.append(Sample(self._number, target.name, measure, value, note))


def _processor_seconds(target: Target) -> tuple[float | None, float | None]:
    pids = (target.pid, target.store_pid)
    gateway, store = (processes.cpu_seconds(pid) if pid is not None else None for pid in pids)
    return gateway, store


def _failure(result: LoadResult) -> str:
    """Return why a closed loop has no figure: less than half of its answers were good."""
    if result.ok * 2 > result.sent:
        return ""
    statuses = ", ".join(f"HTTP {status}" for status in result.statuses if status != "200")
    return f"fails ({statuses or 'no whole answer'})"


def _summary(result: LoadResult) -> str:
    text = f"{result.per_second:,.0f}/s"
    if result.p50_ms is not None:
        text += f", p50 {result.p50_ms:.1f} ms, p99 {result.p99_ms:.1f} ms"
    if result.failures:
        text += f", {result.failures} of {result.sent} failed ({result.statuses})"
    return text
