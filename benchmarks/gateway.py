"""Compares our gateway with LiteLLM's proxy and Portkey's gateway, on the same fake provider in the same run.

Usage: python -m benchmarks.gateway [--help]

Ours runs as in production, with authentication, routing (`model: auto`), hard budgets and the durable ledger on; after
each round the ledger is compared with the answers, to the row and to the nano-dollar, and a wrong one ends the
benchmark with exit code 1. Peers run with logging off and without a database.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import report, targets
from benchmarks.measures import GROUPS, UPSTREAM_DELAY_MS, Plan, Round, Sample
from benchmarks.optimizer import POSTGRESQL, SQLITE, Optimizer
from benchmarks.peers import LITELLM_VERSION, PORTKEY_VERSION, CannotInstall
from benchmarks.processes import DidNotStart
from benchmarks.programs import SOURCE_DIR, CannotCompile, LoadFailed
from benchmarks.targets import WORKERS, Peer, Target, Upstream

PERFORMANCE_PAGE = SOURCE_DIR.parent / "docs" / "PERFORMANCE.md"
TARGETS = (SQLITE, POSTGRESQL, "litellm", "portkey")
_PEERS: dict[str, Callable[[Path, Upstream, Callable[[str], None]], Peer]] = {
    "litellm": targets.litellm,
    "portkey": targets.portkey,
}


class Benchmark:
    """A whole run; ``samples`` and ``faults`` (what is wrong with the ledger) grow as it goes."""

    def __init__(self, plan: Plan, names: Sequence[str], run_dir: Path) -> None:
        self.samples: list[Sample] = []
        self.ledger_lines: list[str] = []
        self.faults: list[str] = []
        self.stores: dict[str, str] = {}
        self._plan = plan
        self._began_at = time.monotonic()
        self._upstream = Upstream(run_dir)
        self._targets = self._prepare(names, run_dir)

    def run_round(self, number: int) -> None:
        """Start all targets, measure them, check the ledgers; every other round in the opposite order."""
        this = Round(number, self._plan, self._upstream, self._progress)
        with ExitStack() as running:
            running.callback(self._upstream.stop)
            this.start(self._upstream)
            up: list[Target] = [self._upstream]
            for target in self._targets if number % 2 else reversed(self._targets):
                running.callback(target.stop)
                if self._starts(this, target):
                    up.append(target)
            this.measure(up if number % 2 else list(reversed(up)))
            self.samples += this.samples
            for target in up:
                if isinstance(target, Optimizer):
                    self._check_ledger(number, target)

    def _prepare(self, names: Sequence[str], run_dir: Path) -> list[Target]:
        prepared: list[Target] = []
        for name in names:
            if name not in _PEERS:
                prepared.append(Optimizer(name, run_dir, self._upstream))
                continue
            try:
                prepared.append(_PEERS[name](run_dir, self._upstream, self._progress))
            except CannotInstall as error:
                self._progress(f"{name} is left out: {error}")
        return prepared

    def _starts(self, this: Round, target: Target) -> bool:
        """Start a target; a peer that does not start is left out of the round, ours ends the run."""
        try:
            this.start(target)
        except DidNotStart as error:
            if isinstance(target, Optimizer):
                raise
            self._progress(f"{target.name} is left out of this round: {error}")
            return False
        return True

    def _check_ledger(self, number: int, target: Optimizer) -> None:
        self.stores[target.name] = target.store
        line, faults = target.check_ledger()
        self._progress(f"{target.name}: ledger: {line}: {'; '.join(faults) or 'exact'}")
        self.ledger_lines.append(f"round {number}, {target.name}: {line}")
        self.faults += [f"round {number}, {target.name}: {fault}" for fault in faults]

    def _progress(self, line: str) -> None:
        print(f"[{time.monotonic() - self._began_at:5.0f} s] {line}", file=sys.stderr, flush=True)


def main() -> int:
    options = _options()
    plan = Plan(options.only, options.seconds)
    began_at = datetime.now(UTC)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-gateway-") as run_dir:
            benchmark = Benchmark(plan, options.targets, Path(run_dir))
            for number in range(1, options.rounds + 1):
                benchmark.run_round(number)
    except (CannotCompile, DidNotStart, LoadFailed) as error:
        print(f"benchmark ended: {error}", file=sys.stderr)
        return 1
    conditions = _conditions(benchmark, options, began_at)
    text = report.render(benchmark.samples, conditions)
    print(text)
    if options.write:
        report.write_between_markers(PERFORMANCE_PAGE, text)
    if options.json:
        samples = [asdict(sample) for sample in benchmark.samples]
        record = {"samples": samples, "conditions": conditions, "faults": benchmark.faults}
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    for fault in benchmark.faults:
        print(f"LEDGER WRONG: {fault}", file=sys.stderr)
    below = [v.goal.label for v in report.verdicts(benchmark.samples) if v.word == "BELOW THE FLOOR"]
    if options.gate and below:
        print(f"below the floor: {'; '.join(below)}", file=sys.stderr)
    return 1 if benchmark.faults or (options.gate and below) else 0


def _conditions(benchmark: Benchmark, options: argparse.Namespace, began_at: datetime) -> list[str]:
    peers = (
        f"LiteLLM {LITELLM_VERSION}, {WORKERS} workers, logging off, no database. Portkey's gateway {PORTKEY_VERSION}, "
        "one process (it has no workers), no database."
    )
    if not benchmark.stores:
        return [*_circumstances(options, began_at), peers]
    return [
        *_circumstances(options, began_at),
        f"Ours: {WORKERS} workers, `model: auto`, authentication, routing, hard day and month budgets, ledger durable "
        f"before the answer. Stores: {'; '.join(sorted(benchmark.stores.values()))}.",
        peers,
        f"Ledger: {'WRONG' if benchmark.faults else 'exact in every round'}.",
        *benchmark.ledger_lines,
    ]


def _circumstances(options: argparse.Namespace, began_at: datetime) -> list[str]:
    return [
        f"{began_at:%Y-%m-%d}; command: `{_command(options)}`; {options.rounds} round(s), {options.seconds:g} s a "
        "measure; medians, smallest and largest round in parentheses.",
        f"{os.cpu_count()} cores ({_processor()}), Linux {platform.release()}, Python {platform.python_version()}. "
        "Load generator, fake provider, gateway and database share them; all targets are up, one at a time is under "
        "load.",
        f"Added latency: open loop against a provider that answers after {UPSTREAM_DELAY_MS} ms, counted from when a "
        "request was due, less the same percentile of calling the provider directly (whose column shows the whole).",
    ]


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), platform.machine())


def _command(options: argparse.Namespace) -> str:
    return f"python -m benchmarks.gateway --rounds {options.rounds} --seconds {options.seconds:g}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gateway",
        description=(__doc__ or "").split("\n\n")[0],
        epilog="Five minutes a round with the defaults; peers are installed under var/bench/peers on the first run.",
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds over all targets (default 3)")
    parser.add_argument("--seconds", type=float, default=8, help="length of each measure (default 8)")
    parser.add_argument("--quick", action="store_true", help="one round of 3 seconds a measure, to see that it works")
    parser.add_argument(
        "--only", nargs="+", choices=GROUPS, default=list(GROUPS), help="measure only these (default all)"
    )
    parser.add_argument(
        "--targets", nargs="+", choices=TARGETS, default=list(TARGETS), help="compare only these (default all)"
    )
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PERFORMANCE_PAGE.name}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample to this file")
    parser.add_argument("--gate", action="store_true", help="exit with 1 when a figure is below its floor")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 3.0
    if options.rounds < 1 or not 1 <= options.seconds <= 120:
        parser.error("--rounds must be at least 1 and --seconds between 1 and 120")
    return options


if __name__ == "__main__":
    sys.exit(main())
