"""Shows how the time and memory of a retraining grow with the number of ratings.

    python -m benchmarks.retraining [--rows 100000 300000 1000000] [--store postgresql]

Every number of rows gets a database of its own with a year of ratings, all of them within the window, which is more
than the 90 days that count by default. Measured is what a run does in a process that has just started: watching for
unusual ratings, summing up, deciding, and putting the outcome into force. Memory is that process's own, at its peak.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.postgres import PostgresServer

POSTGRESQL = "postgresql"
SQLITE = "sqlite"
ROOT = Path(__file__).resolve().parent.parent
MIB = 1024 * 1024
HEADINGS = ("ratings", "they count", "dry run, s", "run, s", "µs a rating", "memory, MiB", "grown by, MiB")


@dataclass(frozen=True, slots=True)
class Sample:
    """What one database gave: times in seconds, memory in MiB."""

    rows: int
    counted: int
    dry_seconds: float
    seconds: float
    peak_mib: float
    grown_mib: float

    @property
    def cells(self) -> tuple[str, ...]:
        per_row = self.seconds / self.rows * 1e6
        return (
            f"{self.rows:,}",
            f"{self.counted:,}",
            f"{self.dry_seconds:.2f}",
            f"{self.seconds:.2f}",
            f"{per_row:.1f}",
            f"{self.peak_mib:.0f}",
            f"{self.grown_mib:.1f}",
        )


def main() -> int:
    options = _options()
    if options.here:
        print(json.dumps(_measure_here()))
        return 0
    samples = [_measure(rows, options.store) for rows in options.rows]
    print(table(samples))
    return 0


def table(samples: Sequence[Sample]) -> str:
    """Return the samples as a table in Markdown."""
    lines = [HEADINGS, ("---:",) * len(HEADINGS), *(sample.cells for sample in samples)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _measure(rows: int, store: str) -> Sample:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="retraining-"))
        url = ""
        if store == POSTGRESQL:
            server = PostgresServer()
            stack.callback(server.stop)
            url = server.url
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "optimizer_project.settings",
            "ENVIRONMENT": "test",
            "SECRET_KEY": "only-for-the-benchmark-" * 3,
            "DATA_DIR": folder,
            "DATABASE_URL": url,
            "POSTGRES_HOST": "",
            "REDIS_URL": "",
            "LEARNING_WINDOW_DAYS": "400",
            "LOG_LEVEL": "WARNING",
        }
        _run(["benchmarks.retraining_rows", str(rows)], environment)
        return Sample(rows=rows, **json.loads(_run(["benchmarks.retraining", "--here"], environment)))


def _run(arguments: Sequence[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def _measure_here() -> dict[str, float]:
    """Retrain the database of this process's environment, first as a dry run."""
    import django

    django.setup()
    from datetime import UTC, datetime

    from learning.models import ModelPerformance, RetrainingRun
    from learning.services import retraining

    now = datetime.now(UTC)
    before = _peak_mib()
    seconds = []
    for dry_run in (True, False):
        started = time.perf_counter()
        retraining.retrain(
            team=None, trigger=RetrainingRun.Trigger.COMMAND, actor="benchmark", dry_run=dry_run, now=now
        )
        seconds.append(time.perf_counter() - started)
    counted = sum(ModelPerformance.objects.values_list("sample_count", flat=True))
    return {
        "counted": counted,
        "dry_seconds": seconds[0],
        "seconds": seconds[1],
        "peak_mib": _peak_mib(),
        "grown_mib": _peak_mib() - before,
    }


def _peak_mib() -> float:
    # Linux counts in KiB.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.retraining", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 300_000, 1_000_000], help="numbers of ratings")
    parser.add_argument("--store", choices=(SQLITE, POSTGRESQL), default=POSTGRESQL)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
