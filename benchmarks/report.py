"""Renders the samples of a run as Markdown: figures side by side, ratios, goals, conditions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

from benchmarks.measures import OPEN_LOOP_RATES, Sample

BEGIN = "<!-- bench-gateway: begin (written by the command, do not edit) -->"
END = "<!-- bench-gateway: end -->"
OURS = "optimizer-postgresql"
PEERS = {"litellm": "LiteLLM", "portkey": "Portkey"}
NOTHING = "-"
COLUMNS = {"direct": "direct", "optimizer-sqlite": "ours, SQLite", OURS: "ours, PostgreSQL", **PEERS}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a measure, its unit in the label, and which way is better."""

    label: str
    measure: str
    decimals: int
    better: Literal["higher", "lower"]


ROWS = (
    Row("requests/s, 64 connections", "requests_per_second_64", 0, "higher"),
    Row("… p50, ms", "p50_ms_64", 1, "lower"),
    Row("… p99, ms", "p99_ms_64", 1, "lower"),
    Row("requests/s, 16 connections", "requests_per_second_16", 0, "higher"),
    Row("… p50, ms", "p50_ms_16", 1, "lower"),
    Row("… p99, ms", "p99_ms_16", 1, "lower"),
    Row("streams/s of 20 chunks, 32 connections", "streams_per_second", 0, "higher"),
    Row("gateway's CPU a request, ms (64 connections)", "cpu_ms_per_request_64", 2, "lower"),
    Row("database server's CPU a request, ms", "store_cpu_ms_per_request_64", 2, "lower"),
    Row("gateway's CPU a stream, ms", "cpu_ms_per_stream", 2, "lower"),
    *(
        Row(f"latency added at {rate}/s, {name}, ms", f"added_{name}_ms_at_{rate}", 1, "lower")
        for rate in OPEN_LOOP_RATES
        for name in ("p50", "p95", "p99")
    ),
    Row("start to first answer, s", "start_seconds", 1, "lower"),
    Row("memory at rest, MiB", "memory_idle_mib", 0, "lower"),
    Row("memory under load, MiB", "memory_load_mib", 0, "lower"),
    Row("… of its largest process, MiB", "memory_load_largest_process_mib", 0, "lower"),
)


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure of ours to reach; with ``peer``, as a multiple of the peer's. ``floor`` must never be missed."""

    label: str
    measure: str
    bound: Literal["at least", "at most"]
    target: float
    floor: float | None = None
    peer: str | None = None


GOALS = (
    Goal("requests/s at 64 connections, times LiteLLM", "requests_per_second_64", "at least", 20, 12, "litellm"),
    Goal("requests/s at 64 connections, times Portkey", "requests_per_second_64", "at least", 4, 2.5, "portkey"),
    Goal("streams/s, times LiteLLM", "streams_per_second", "at least", 40, 20, "litellm"),
    Goal("latency added at 100/s, p50, ms", "added_p50_ms_at_100", "at most", 5),
    Goal("latency added at 100/s, p99, ms", "added_p99_ms_at_100", "at most", 10),
    Goal("memory of a web process under load, MiB", "memory_load_largest_process_mib", "at most", 200),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a goal came out; ``figure`` is None when it was not measured."""

    goal: Goal
    figure: float | None
    word: Literal["met", "missed", "above the floor", "BELOW THE FLOOR", "not measured"]


def render(samples: Sequence[Sample], conditions: Sequence[str]) -> str:
    """Return the whole report as Markdown."""
    outcomes = [outcome for outcome in verdicts(samples) if outcome.figure is not None]
    parts = [
        _figures(samples),
        *([_goals(outcomes)] if outcomes else []),
        "\n".join(f"- {line}" for line in conditions),
    ]
    return "\n\n".join(parts) + "\n"


def verdicts(samples: Sequence[Sample]) -> list[Verdict]:
    """Judge every goal by the median over the rounds."""
    return [_verdict(goal, samples) for goal in GOALS]


def ratios(samples: Sequence[Sample], measure: str, better: Literal["higher", "lower"], peer: str) -> list[float]:
    """Return how many times better than the peer's ours was, round by round; above 1 is better."""
    ours, theirs = _by_round(samples, OURS, measure), _by_round(samples, peer, measure)
    pairs = [(ours[number], theirs[number]) for number in sorted(ours.keys() & theirs.keys())]
    # An added latency may be measured as zero or below it, where a ratio says nothing.
    usable = [(mine, other) for mine, other in pairs if mine > 0 and other > 0]
    return [mine / other if better == "higher" else other / mine for mine, other in usable]


def write_between_markers(path: Path, text: str, *, begin: str = BEGIN, end: str = END) -> None:
    """Put the text between the markers of a Markdown file; the file or the markers are added where absent."""
    block = f"{begin}\n\n{text}\n{end}"
    current = path.read_text() if path.exists() else "# Performance\n"
    before, found_begin, rest = current.partition(begin)
    _, found_end, after = rest.partition(end)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{before}{block}{after}" if found_begin and found_end else f"{current.rstrip()}\n\n{block}\n")


def _figures(samples: Sequence[Sample]) -> str:
    measured = {sample.target for sample in samples}
    columns = {name: label for name, label in COLUMNS.items() if name in measured}
    peers = {name: label for name, label in PEERS.items() if name in measured}
    header = ["", *columns.values(), *(f"times better than {label}" for label in peers.values())]
    lines = [_line(header), _line(["---", *["---:"] * (len(header) - 1)])]
    present = {sample.measure for sample in samples}
    for row in ROWS:
        if row.measure not in present:
            continue
        cells = [_cell(samples, name, row) for name in columns]
        multiples = [_spread(ratios(samples, row.measure, row.better, peer), 1) or NOTHING for peer in peers]
        lines.append(_line([row.label, *cells, *multiples]))
    return "\n".join(lines)


def _goals(outcomes: Sequence[Verdict]) -> str:
    lines = [_line(["ours on PostgreSQL", "target", "floor", "measured", "verdict"]), _line(["---"] * 5)]
    for outcome in outcomes:
        goal = outcome.goal
        floor = "" if goal.floor is None else f"{goal.floor:g}"
        figure = NOTHING if outcome.figure is None else f"{outcome.figure:.1f}"
        lines.append(_line([goal.label, f"{goal.bound} {goal.target:g}", floor, figure, outcome.word]))
    return "\n".join(lines)


def _verdict(goal: Goal, samples: Sequence[Sample]) -> Verdict:
    if goal.peer is None:
        values = list(_by_round(samples, OURS, goal.measure).values())
    else:
        values = ratios(samples, goal.measure, "higher", goal.peer)
    if not values:
        return Verdict(goal, None, "not measured")
    figure = median(values)
    if _reaches(figure, goal.target, goal.bound):
        return Verdict(goal, figure, "met")
    if goal.floor is None:
        return Verdict(goal, figure, "missed")
    return Verdict(goal, figure, "above the floor" if _reaches(figure, goal.floor, goal.bound) else "BELOW THE FLOOR")


def _reaches(figure: float, limit: float, bound: Literal["at least", "at most"]) -> bool:
    return figure >= limit if bound == "at least" else figure <= limit


def _cell(samples: Sequence[Sample], target: str, row: Row) -> str:
    spread = _spread(list(_by_round(samples, target, row.measure).values()), row.decimals)
    notes = sorted({s.note for s in samples if s.target == target and s.measure == row.measure and s.note})
    return "; ".join(part for part in (spread, *notes) if part) or NOTHING


def _spread(values: Sequence[float], decimals: int) -> str:
    """Return the median, with the smallest and the largest value where there are several."""
    if not values:
        return ""
    middle = f"{median(values):,.{decimals}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):,.{decimals}f} to {max(values):,.{decimals}f})"


def _by_round(samples: Sequence[Sample], target: str, measure: str) -> dict[int, float]:
    return {s.round: s.value for s in samples if s.target == target and s.measure == measure and s.value is not None}


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
