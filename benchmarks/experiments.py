"""Shows how often the analysis of experiments is wrong, and how often it finds what there is to find.

Usage: python -m benchmarks.experiments [--runs 1000] [--confirm 10000] [--seed 1] [--quick] [--write]

Every run is a whole experiment on simulated traffic: the product's own `analyze` looks at it while it grows, with its
default minima and margins, until it decides or 1,000 requests an arm are in. The same seed prints the same figures.

Of many cells that all keep a limit, some pass it by chance. Where one does, its experiments are run again with fresh
traffic, and those alone decide.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.experiment_cells import Cell, Outcome, Share, run
from benchmarks.experiment_traffic import REQUESTS_PER_ARM, Effect, World
from benchmarks.programs import SOURCE_DIR
from benchmarks.report import write_between_markers
from experiments.domain.plan import Mode

PAGE = SOURCE_DIR.parent / "docs" / "EXPERIMENTS.md"
BEGIN = "<!-- bench-experiments: begin (written by the command, do not edit) -->"
END = "<!-- bench-experiments: end -->"
QUICK_RUNS = 20
MODE_NAMES: dict[Mode, str] = {
    "fixed": "fixed",
    "group_sequential": "group-sequential",
    "sequential": "anytime-valid",
}
FALSE_WINNERS_LIMIT = 0.055
_WINNERS = ("winner test", "winner control")
_MET, _MISSED = "met", "MISSED"
# A schedule looks now and then; only against false winners are the looks as many as they can be.
_SELDOM = 50

EQUAL = tuple(
    Cell(f"{name}, sigma {sigma:g}", World(users, sigma))
    for name, users in (
        ("a user for every request", None),
        ("200 users an arm", 200),
        ("50 users an arm", 50),
        ("15 users an arm", 15),
    )
    for sigma in (1.0, 1.5)
)
_FIFTY = World(50, 1.0, noise_sigma=0.25)
_FIFTY_GUESSED = World(50, 1.0, noise_sigma=0.5)
CHEAPER = (
    Cell("cost per request", _FIFTY, Effect(cost=0.9), denominator="requests", look_every=_SELDOM),
    Cell("cost per reference cost, forecast off by 25%", _FIFTY, Effect(cost=0.9), look_every=_SELDOM),
    Cell("cost per reference cost, forecast off by 50%", _FIFTY_GUESSED, Effect(cost=0.9), look_every=_SELDOM),
)
_WHOLE = World(200, 1.0, noise_sigma=0.25, has_outcomes=True)
_DEFAULT: tuple[Mode, ...] = ("group_sequential",)
WHOLE = tuple(
    Cell(name, _WHOLE, effect, _DEFAULT, look_every=_SELDOM)
    for name, effect in (
        ("no difference", Effect()),
        ("30% cheaper, quality 10% lower", Effect(cost=0.7, quality=0.9)),
        ("30% cheaper, latency 50% higher", Effect(cost=0.7, latency=1.5)),
        ("30% cheaper, all else equal", Effect(cost=0.7)),
        ("30% cheaper, quality lower by just the margin of 5%", Effect(cost=0.7, quality=0.95)),
    )
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all cells, print the tables, and fail where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=1000, help="experiments in each cell (default 1000)")
    parser.add_argument(
        "--confirm", type=int, default=10_000, help="fresh ones of a cell above the limit (default 10000)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_RUNS} experiments in each cell")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    options = parser.parse_args(arguments)
    runs = QUICK_RUNS if options.quick else options.runs
    fresh_runs = QUICK_RUNS if options.quick else options.confirm
    if min(runs, fresh_runs) < 1 or options.seed < 0:
        parser.error("--runs and --confirm must be at least 1, --seed at least 0")
    began_at = time.monotonic()
    equal, cheaper, whole = (_run_all(cells, runs, options.seed, began_at) for cells in (EQUAL, CHEAPER, WHOLE))
    confirmed = confirm(equal, fresh_runs, options.seed + 1, began_at)
    targets = goals(equal, confirmed, cheaper, whole)
    text = render(equal, cheaper, whole, targets, f"{runs:,} experiments in each row, seed {options.seed}")
    print(text)
    if options.write:
        write_between_markers(PAGE, text, begin=BEGIN, end=END)
    return 1 if _MISSED in {verdict for _, _, verdict in targets} else 0


def confirm(equal: Sequence[Outcome], runs: int, seed: int, began_at: float) -> list[Outcome]:
    """Run every cell again that is above the limit, under each mode in which it is."""
    above = [
        replace(outcome.cell, modes=(mode,))
        for outcome in equal
        for mode in outcome.cell.modes
        if outcome.share(mode, *_WINNERS).value > FALSE_WINNERS_LIMIT
    ]
    return _run_all(above, runs, seed, began_at)


def goals(
    equal: Sequence[Outcome], confirmed: Sequence[Outcome], cheaper: Sequence[Outcome], whole: Sequence[Outcome]
) -> list[tuple[str, str, str]]:
    """Return what is to be reached, what was, and the verdict."""
    first = _worst(equal)
    false = _worst(confirmed) if confirmed else first
    measured = _share(false)
    if confirmed:
        measured += (
            f" in {false.runs:,} fresh experiments each of {len(confirmed)} cells above it, the worst {_share(first)}"
        )
    shipped = [outcome.share("group_sequential", "winner test").value for outcome in whole]
    by_request, by_reference = (
        [outcome.share(mode, "winner test").value for mode in ("fixed", "group_sequential")] for outcome in cheaper[:2]
    )
    return [
        ("false winners, at most 5.5%: the worst cell", measured, _word(false.value <= FALSE_WINNERS_LIMIT)),
        ("cheaper but worse or slower arms shipped: none", _percent(max(shipped[1:3])), _word(max(shipped[1:3]) == 0)),
        ("power by cost per request, at most 15%", _percent(max(by_request)), _word(max(by_request) <= 0.15)),
        ("power by reference cost there, at least 90%", _percent(min(by_reference)), _word(min(by_reference) >= 0.9)),
    ]


def render(
    equal: Sequence[Outcome],
    cheaper: Sequence[Outcome],
    whole: Sequence[Outcome],
    targets: Sequence[tuple[str, str, str]],
    conditions: str,
) -> str:
    """Return the tables as Markdown."""
    modes = list(MODE_NAMES.values())
    false = [
        [outcome.cell.name, _share(outcome.naive), *(_false_winners(outcome, mode) for mode in MODE_NAMES)]
        for outcome in equal
    ]
    found = [
        [outcome.cell.name, *(_share(outcome.share(mode, "winner test")) for mode in MODE_NAMES)] for outcome in cheaper
    ]
    decisions = [[outcome.cell.name, *_decisions(outcome)] for outcome in whole]
    return "\n\n".join(
        [
            f"{conditions}; {REQUESTS_PER_ARM:,} requests an arm. In brackets, Wilson's 95% interval.",
            "**Winners named among equal arms**, looking after every 10 requests an arm:",
            _table(["traffic", "naive rule", *modes], false),
            "**A 10% cheaper arm found**, 50 users an arm, looking after every 50 requests an arm:",
            _table(["metric", *modes], found),
            "**Whole decisions**, group-sequential, 200 users an arm, three of ten requests rated, default margins:",
            _table(["the tested arm is", "shipped", "stopped by a guardrail", "no winner", "control wins"], decisions),
            _table(["target", "measured", ""], targets),
        ]
    )


def _worst(outcomes: Sequence[Outcome]) -> Share:
    shares = [outcome.share(mode, *_WINNERS) for outcome in outcomes for mode in outcome.cell.modes]
    return max(shares, key=lambda share: share.value)


def _word(is_met: bool) -> str:
    return _MET if is_met else _MISSED


def _run_all(cells: Sequence[Cell], runs: int, seed: int, began_at: float) -> list[Outcome]:
    outcomes = []
    for cell in cells:
        outcomes.append(run(cell, runs, seed))
        print(f"[{time.monotonic() - began_at:6.0f} s] {cell.name}", file=sys.stderr, flush=True)
    return outcomes


def _false_winners(outcome: Outcome, mode: Mode) -> str:
    if outcome.share(mode, "insufficient_data").value == 1:
        return "refuses to decide"
    return _share(outcome.share(mode, *_WINNERS))


def _decisions(outcome: Outcome) -> list[str]:
    endings = (("winner test",), ("guardrail_failed",), ("no_difference", "insufficient_data"), ("winner control",))
    return [_share(outcome.share("group_sequential", *names)) for names in endings]


def _share(share: Share) -> str:
    low, high = share.interval
    return f"{_percent(share.value)} ({100 * low:.1f} to {100 * high:.1f})"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
