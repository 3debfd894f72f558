"""Shows what cost reviews find, how well the ranking learns, and what it all costs, on a year of planted traffic.

    python -m benchmarks.insights [--on sqlite postgresql] [--seed 1] [--write]

Fifty teams with a year of traffic: the last six weeks in full, of the time before one request in 24. Forty teams
have three planted problems each, ten have none; of every kind of problem, ten more teams nearly have it. Each database
runs in a process of its own, PostgreSQL with a server of its own, and needs about 1 GB in TMPDIR while it runs. The
same seed draws the same traffic.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks import insights_tastes, insights_world
from benchmarks.programs import SOURCE_DIR
from benchmarks.report import write_between_markers

ROOT = SOURCE_DIR.parent
PAGE = ROOT / "docs" / "INSIGHTS-RESULTS.md"
BEGIN = "<!-- bench-insights: begin (written by the command, do not edit) -->"
END = "<!-- bench-insights: end -->"
DATABASES = ("sqlite", "postgresql")
NOW = datetime(2026, 11, 2, 3, tzinfo=UTC)
ANSWERS = (100, 500, 2_000)
ROUNDS = 50
_ANSWER = "result: "


def main() -> int:
    options = _options()
    if options.child:
        print(_ANSWER + json.dumps(_measured(options.child, options.seed)))
        return 0
    lines = list(_told(options))
    if options.write:
        write_between_markers(PAGE, "\n".join(lines), begin=BEGIN, end=END)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.insights", description=__doc__.partition("\n")[0])
    parser.add_argument("--on", nargs="+", choices=DATABASES, default=list(DATABASES), help="default: both")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.relative_to(ROOT)}")
    parser.add_argument("--child", choices=DATABASES, help=argparse.SUPPRESS)
    return parser.parse_args()


def _told(options: argparse.Namespace) -> Iterator[str]:
    """Print every line as it is known, and yield it."""
    for line in _lines(options):
        print(line, flush=True)
        yield line


def _lines(options: argparse.Namespace) -> Iterator[str]:
    yield from _ranking(options.seed)
    results = {}
    for database in options.on:
        results[database] = _run_child(database, options.seed)
    first = results[options.on[0]]
    yield from ("", "### Detectors", "", first["amount"], "")
    yield "Suggested, that is with a confidence of at least 0.7:"
    yield from ("", *_table(first["headings"], first["suggested"]), "")
    yield "Everything found, whatever its confidence:"
    yield from ("", *_table(first["headings"], first["all"]))
    for database, result in results.items():
        yield from ("", f"### Times on {result['name']}", "", result["cost"], "")
        yield from _table(result["timing_headings"], result["timings"])
        if result is not first:
            same = "the same findings" if result["all"] == first["all"] else "OTHER FINDINGS"
            yield from ("", f"On {database}, reviews of the same traffic raise {same} as on {options.on[0]}.")


def _ranking(seed: int) -> Iterator[str]:
    yield from ("### Ranking", "")
    yield (
        f"{insights_tastes.TEAMS} teams with tastes of their own, {insights_tastes.HELD_OUT} held-out suggestions "
        f"each, means of {ROUNDS} rounds. NDCG@{insights_tastes.AT} before and after so many answers of all teams "
        "together, beside a random order and the order by the true probability of acceptance, which no ranking can "
        "know. The calibration error is that of the held-out suggestions' confidence."
    )
    headings = ("answers", "random", "before", "after", "true odds", "calibration error before", "after")
    rows = []
    for answers in ANSWERS:
        found = insights_tastes.learn(answers, seed=seed, rounds=ROUNDS)
        figures = (
            found.ndcg_random,
            found.ndcg_before,
            found.ndcg_after,
            found.ndcg_known,
            found.error_before,
            found.error_after,
        )
        rows.append((f"{answers:,}", *(f"{figure:.3f}" for figure in figures)))
    yield from ("", *_table(headings, rows))


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [headings, ("---", *["---:"] * (len(headings) - 1)), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _run_child(database: str, seed: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.insights", "--child", database, "--seed", str(seed)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith(_ANSWER))
    found: dict[str, Any] = json.loads(line.removeprefix(_ANSWER))
    return found


def _measured(database: str, seed: int) -> dict[str, Any]:
    with ExitStack() as stack:
        name = _set_up(database, stack)
        return {"name": name, **_figures(seed)}


def _figures(seed: int) -> dict[str, Any]:
    from benchmarks import insights_detectors, insights_rows, insights_timings
    from feedback.services import tallies
    from routing.services import rollups

    teams = insights_world.build(seed)
    started = time.monotonic()
    requests, ratings = insights_rows.fill(teams, now=NOW, seed=seed)
    filled = time.monotonic() - started
    started = time.monotonic()
    rollups.roll(now=NOW, seconds=float("inf"))
    tallies.add_up(now=NOW, seconds=float("inf"))
    rolled = time.monotonic() - started
    starts_on = NOW.date() - timedelta(days=insights_rows.WINDOW_DAYS)
    started = time.monotonic()
    reviewed = insights_detectors.reviews(teams, starts_on, NOW.date())
    reviewing = (time.monotonic() - started) / len(teams)
    slugs = [team.slug for team in teams]
    timings = insights_timings.cells(insights_timings.measure(slugs, now=NOW))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "amount": f"{requests:,} requests and {ratings:,} ratings of {len(teams)} teams.",
        "headings": insights_detectors.HEADINGS,
        "suggested": insights_detectors.table(reviewed, least_confidence=insights_detectors.SUGGESTED_FROM),
        "all": insights_detectors.table(reviewed, least_confidence=0.0),
        "cost": (
            f"{requests:,} requests written in {filled:.0f} s and rolled up in {rolled:.0f} s; gathering a team's week "
            f"and running all detectors takes {reviewing * 1000:.0f} ms; the process took {memory:.0f} MiB at most."
        ),
        "timing_headings": insights_timings.HEADINGS,
        "timings": timings,
    }


def _set_up(database: str, stack: ExitStack) -> str:
    """Start what the database needs, set Django up on it, and return its name."""
    from tests.services import start_redis

    environment = {
        "DJANGO_SETTINGS_MODULE": "optimizer_project.settings",
        "ENVIRONMENT": "test",
        "SECRET_KEY": "only-for-the-benchmark-" * 3,
        "DATA_DIR": stack.enter_context(tempfile.TemporaryDirectory(prefix="insights-")),
        "DATABASE_URL": "",
        "REDIS_URL": "",
        "POSTGRES_HOST": "",
        "ALLOWED_HOSTS": "testserver",
        "LOG_LEVEL": "ERROR",
    }
    name = "SQLite"
    if database == "postgresql":
        from benchmarks.postgres import PostgresServer

        server = PostgresServer()
        stack.callback(server.stop)
        environment |= {"DATABASE_URL": server.url, "REDIS_URL": stack.enter_context(start_redis())}
        name = server.version
    os.environ.update(environment)
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    return name


if __name__ == "__main__":
    sys.exit(main())
