"""Loads the product for an hour and shows whether anything it holds grows.

Usage: python -m faults.soak [--minutes 60] [--rate 50] [--warm-up-minutes 10] [--seed 1] [--samples FILE] [--write]

PostgreSQL, Redis, a fake provider, two web replicas, worker and beat of its own; completions good and bad, streams,
clients that hang up, ratings, reports and viewers of live metrics at a steady rate. Every few seconds memory, open
files, sockets and threads of each process are sampled, and the connections to the database. After the warm-up a line is
drawn through each. Exit code 1 where memory drifts by more than 2 %, files, sockets, threads or connections grow by
more than 2, or anything is answered with 500; 2 where nothing could run.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import write_between_markers
from faults import places
from faults.servers import DidNotStart
from faults.template import PROJECT_DIR, CannotMigrate, template

if TYPE_CHECKING:
    from faults.soak.sampling import Sample
    from faults.soak.trends import Trend
    from faults.stack import Stack

PAGE = PROJECT_DIR / "docs" / "SOAK.md"
PICTURE = PROJECT_DIR / "docs" / "images" / "soak.svg"
BEGIN = "<!-- soak: begin (written by the command, do not edit) -->"
END = "<!-- soak: end -->"
EVERY_SECONDS = 5.0
_LINE_SECONDS = 30.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the load, print the table, and return the exit code."""
    options = _options(arguments)
    with places.made("soak-") as place:
        try:
            samples, told = _run(options, place.port, place.folder)
        except (DidNotStart, CannotMigrate) as error:
            print(error, file=sys.stderr)
            return 2
    return _report(options, samples, told)


def _run(options: argparse.Namespace, port: int, folder: Path) -> "tuple[list[Sample], Counter[str]]":
    from django.db import connections

    from faults.direct import DirectStack
    from faults.servers import Postgres
    from faults.soak.sampling import Sampler
    from faults.soak.traffic import Traffic

    stack = DirectStack(folder, Postgres(folder, port, template(folder, port)), has_workers=True)
    try:
        with stack:
            traffic = Traffic(stack, options.rate, options.seed)
            with Sampler(
                stack.postgres.url, lambda: _processes(stack), lambda: traffic.under_way, EVERY_SECONDS
            ) as sampler:
                asyncio.run(traffic.run(60 * options.minutes, _Progress(options.minutes)))
    finally:
        connections.close_all()
    if traffic.left_out:
        traffic.told["not asked: too many under way"] = traffic.left_out
    return sampler.samples, traffic.told


def _processes(stack: "Stack") -> dict[str, int]:
    found = {f"web {number}": web.process.pid for number, web in enumerate(stack.web, 1)}
    found |= {"worker": stack.worker.pid, "beat": stack.beat.pid}
    children = Path(f"/proc/{stack.worker.pid}/task/{stack.worker.pid}/children").read_text().split()
    return found | {f"worker's process {number}": int(pid) for number, pid in enumerate(children, 1)}


class _Progress:
    def __init__(self, minutes: float) -> None:
        self._seconds = 60 * minutes
        self._said_at = -_LINE_SECONDS

    def __call__(self, count: int, elapsed: float) -> None:
        if elapsed - self._said_at < _LINE_SECONDS:
            return
        self._said_at = elapsed
        left = (self._seconds - elapsed) / 60
        text = f"[{time.strftime('%H:%M:%S')}] {count:,} requests, {count / elapsed:.0f}/s, {left:.0f} minutes left"
        print(text, file=sys.stderr, flush=True)


def _report(options: argparse.Namespace, samples: "list[Sample]", told: Counter[str]) -> int:
    from faults.soak import picture
    from faults.soak.trends import TooFewSamples, trends

    if options.samples:
        options.samples.write_text("".join(f"{json.dumps(asdict(sample))}\n" for sample in samples))
    try:
        found = list(trends(samples, warm_up_seconds=60 * options.warm_up_minutes))
    except TooFewSamples as error:
        print(error, file=sys.stderr)
        return 2
    problems = [trend.problem for trend in found if trend.problem]
    problems += [f"{count} answers are a 500 ({kind})" for kind, count in told.items() if kind.endswith(": 500")]
    text = render(found, told, problems, options)
    print(text)
    if options.write:
        title = f"{options.minutes:g} minutes at {options.rate:g} requests/s"
        PICTURE.write_text(picture.draw(samples, warm_up_seconds=60 * options.warm_up_minutes, title=title))
        write_between_markers(PAGE, text, begin=BEGIN, end=END)
    return 1 if problems else 0


def render(found: "Sequence[Trend]", told: Counter[str], problems: Sequence[str], options: argparse.Namespace) -> str:
    """Return the tables as Markdown."""
    rows = [["process", "", "mean", "grew by", "95 % interval"], ["---", "---", "---:", "---:", "---:"]]
    rows += [
        [trend.process, trend.figure, f"{trend.level:.1f}", _growth(trend), f"{trend.low:+.1f} to {trend.high:+.1f}"]
        for trend in found
    ]
    answers = [["answers", ""], ["---", "---:"], *([kind, f"{count:,}"] for kind, count in sorted(told.items()))]
    conditions = (
        f"{options.minutes:g} minutes at {options.rate:g} requests/s, seed {options.seed}; the first "
        f"{options.warm_up_minutes:g} minutes are warm-up. Memory in MiB."
    )
    verdict = "\n".join(f"- VIOLATED: {problem}" for problem in problems) or "Nothing grows."
    return "\n\n".join([conditions, _table(rows), _table(answers), verdict])


def _growth(trend: "Trend") -> str:
    share = f" ({100 * trend.growth / trend.level:+.1f} %)" if trend.figure == "memory" else ""
    return f"{trend.growth:+.1f}{share}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m faults.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60.0, help="in all (default 60)")
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second (default 50)")
    parser.add_argument("--warm-up-minutes", type=float, help="not looked at (default: a sixth)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=Path, help="keep all samples in this file, as JSON lines")
    parser.add_argument("--write", action="store_true", help=f"put table and picture into docs/{PAGE.name}")
    options = parser.parse_args(arguments)
    if options.warm_up_minutes is None:
        options.warm_up_minutes = options.minutes / 6
    if not 0 <= options.warm_up_minutes < options.minutes or options.rate <= 0:
        parser.error("--rate must be above 0, --warm-up-minutes at least 0 and below --minutes")
    return options


if __name__ == "__main__":
    sys.exit(main())
