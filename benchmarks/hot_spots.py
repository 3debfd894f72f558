"""Shows where a web worker spends its time under load, by function, with py-spy.

Usage: python -m benchmarks.hot_spots [--help]

The gateway runs as in `benchmarks.gateway`, on SQLite or PostgreSQL; py-spy is installed under var/bench/peers on the
first run. It needs the right to trace processes: root, or kernel.yama.ptrace_scope=0.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from benchmarks import peers, processes
from benchmarks.optimizer import POSTGRESQL, SQLITE, Optimizer
from benchmarks.peers import CannotInstall
from benchmarks.processes import DidNotStart
from benchmarks.programs import Load, LoadFailed, run_load
from benchmarks.targets import Upstream

OUR_PACKAGES = ("accounts/", "optimizer_project/", "routing/")
_SAMPLES_PER_SECOND = 250


def own_time(stacks: Iterable[str]) -> Counter[str]:
    """Count samples by the innermost function of each stack; a line is py-spy's ``outer;…;inner count``."""
    return _count(stacks, lambda frames: [_function(frames[-1])])


def own_time_by_package(stacks: Iterable[str]) -> Counter[str]:
    """Count samples by the package, or the module outside any, of the innermost function."""
    return _count(stacks, lambda frames: [_file(frames[-1]).partition("/")[0]])


def time_with_callees(stacks: Iterable[str], packages: Sequence[str]) -> Counter[str]:
    """Count samples by every function of these packages on the stack, once a stack."""
    prefixes = tuple(packages)
    return _count(
        stacks, lambda frames: sorted({_function(frame) for frame in frames if _file(frame).startswith(prefixes)})
    )


def _count(stacks: Iterable[str], choose: Callable[[list[str]], list[str]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        for chosen in choose(frames.split(";")):
            counts[chosen] += int(count)
    return counts


def _function(frame: str) -> str:
    """Return a frame such as ``name (package/module.py:12)`` without its line."""
    return frame.rpartition(":")[0] + ")" if ":" in frame else frame


def _file(frame: str) -> str:
    """Return ``package/module.py`` of such a frame."""
    return frame.rpartition("(")[2].removesuffix(")").partition(":")[0]


def main() -> int:
    options = _options()
    try:
        stacks = _record(options)
    except (CannotInstall, DidNotStart, LoadFailed) as error:
        print(f"ended: {error}", file=sys.stderr)
        return 1
    whole = sum(own_time(stacks).values())
    for title, counts in (
        ("own time by package", own_time_by_package(stacks)),
        ("own time by function", own_time(stacks)),
        ("time with callees of our functions", time_with_callees(stacks, OUR_PACKAGES)),
    ):
        print(f"\n{title}, share of {whole} samples in which a thread of the worker held the interpreter")
        for frame, count in counts.most_common(options.top):
            print(f"{count / whole:7.1%}  {frame}")
    return 0


def _record(options: argparse.Namespace) -> list[str]:
    py_spy = peers.py_spy(_progress)
    with ExitStack() as running:
        run_dir = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="bench-profile-")))
        upstream = Upstream(run_dir)
        running.callback(upstream.stop)
        upstream.start()
        gateway = Optimizer(options.store, run_dir, upstream)
        running.callback(gateway.stop)
        gateway.start()
        if gateway.pid is None:
            raise DidNotStart("The gateway has no process.")
        processes.wait_until_quiet(gateway.pid)
        loader = running.enter_context(ThreadPoolExecutor(1))
        load = Load(options.connections, options.seconds + 3, options.rate, is_stream=options.stream)
        result = loader.submit(run_load, gateway.endpoint, load)
        output = run_dir / "stacks.txt"
        command = [
            str(py_spy),
            "record",
            "--pid",
            str(_busiest(gateway.pid)),
            "--format",
            "raw",
            "--output",
            str(output),
        ]
        command += [
            "--duration",
            str(options.seconds),
            "--rate",
            str(_SAMPLES_PER_SECOND),
            "--nonblocking",
            "--threads",
        ]
        done = subprocess.run(
            [*command, *(["--native"] if options.native else [])],
            capture_output=True,
            text=True,
            timeout=options.seconds + 60,
            check=False,
        )
        _progress(f"{result.result().per_second:,.0f} a second while profiled")
        if not output.exists():
            raise DidNotStart(f"py-spy failed:\n{done.stderr[-2000:]}")
        return output.read_text().splitlines()


def _busiest(root: int) -> int:
    """Return the worker that has worked most; the parent only watches over them."""
    return max((pid for pid in processes.tree(root) if pid != root), key=processes.cpu_seconds)


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.hot_spots", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--store", choices=(SQLITE, POSTGRESQL), default=POSTGRESQL)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=int, default=0, help="requests a second; 0 for as many as it serves (default)")
    parser.add_argument("--seconds", type=int, default=8, help="how long to sample (default 8)")
    parser.add_argument("--top", type=int, default=30, help="how many functions to show (default 30)")
    parser.add_argument("--stream", action="store_true", help="load with streams instead of whole answers")
    parser.add_argument("--native", action="store_true", help="show functions of C extensions too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
