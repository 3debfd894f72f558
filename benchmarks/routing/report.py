"""Renders the figures of a run as Markdown."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.routing.bandit import Summed
from benchmarks.routing.goals import Verdict
from benchmarks.routing.pools import Pool
from benchmarks.routing.scores import RECOVERIES, SHARES, Figure, Scored

BEGIN = "<!-- bench-routing: begin (written by the command, do not edit) -->"
END = "<!-- bench-routing: end -->"
_NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that was measured on one pool."""

    pool: Pool
    scored: Sequence[Scored]
    streamed: Sequence[Summed]
    verdicts: Sequence[Verdict]


def render(measured: Sequence[Measured], conditions: Sequence[str], images: str | None) -> str:
    """Return the whole report; ``images`` is the folder of the pictures as seen from it, None leaves them out."""
    verdicts = [verdict for each in measured for verdict in each.verdicts]
    reached = sum(verdict.is_reached for verdict in verdicts)
    parts = [
        f"{reached} of {len(verdicts)} goals are reached.",
        _goals(verdicts),
        *(part for each in measured for part in _pool(each, images)),
        "\n".join(f"- {line}" for line in conditions),
    ]
    return "\n\n".join(parts) + "\n"


def write_between_markers(path: Path, text: str) -> None:
    """Put the text between the markers of a Markdown file; the file or the markers are added where absent."""
    block = f"{BEGIN}\n\n{text}\n{END}"
    current = path.read_text() if path.exists() else "# Routing results\n"
    before, begin, rest = current.partition(BEGIN)
    _, end, after = rest.partition(END)
    path.write_text(f"{before}{block}{after}" if begin and end else f"{current.rstrip()}\n\n{block}\n")


def _goals(verdicts: Sequence[Verdict]) -> str:
    return _table(
        ("pool", "goal", "at least", "measured", "verdict"),
        [
            (
                each.pool,
                each.goal,
                _percent(each.target),
                _percent(each.figure),
                "reached" if each.is_reached else "MISSED",
            )
            for each in verdicts
        ],
        texts=2,
    )


def _pool(measured: Measured, images: str | None) -> list[str]:
    pool = measured.pool
    models = ", ".join(
        f"{name} (quality {quality:.3f}, cost {cost:.3g})"
        for name, quality, cost in zip(pool.model_names, pool.quality.mean(axis=0), pool.cost.mean(axis=0), strict=True)
    )
    parts = [f"### {pool.name}", f"{len(pool.texts):,} prompts; cost in {pool.cost_unit}. Models: {models}."]
    if images is not None:
        parts.append(f"![Cost against quality on {pool.name}]({images}/{picture_name(pool)})")
    parts += [_curves(pool, measured.scored), _points(measured.scored)]
    if measured.streamed:
        parts.append(_streams(measured.streamed))
    return parts


def picture_name(pool: Pool) -> str:
    """Return the file name of a pool's picture."""
    safe = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in pool.name)
    return f"routing-{safe}.svg"


def _curves(pool: Pool, scored: Sequence[Scored]) -> str:
    columns = {"area": "area closed", **{f"saved_{share}": f"saved at {share} %" for share in SHARES}}
    if pool.is_pair:
        columns |= {"apgr": "APGR", **{f"cpt_{recovery}": f"CPT({recovery})" for recovery in RECOVERIES}}
    rows = [(each.name, *(_figure(each.figures, name) for name in columns)) for each in scored if not each.is_point]
    return _table(("full information", *columns.values()), rows)


def _points(scored: Sequence[Scored]) -> str:
    rows = [
        (each.name, *(_figure(each.figures, name) for name in ("cost", "quality", "closed_at_its_cost")))
        for each in scored
        if each.is_point
    ]
    headings = ("one setting", "cost, of the best model's", "quality, of the best model's", "gap closed at its cost")
    return _table(headings, rows)


def _streams(streamed: Sequence[Summed]) -> str:
    headings = (
        "bandit", "prices", "gain, stream", "gain, last 30 %", "quality, of the best model's", "saved",
        "worth above the best fixed model", "… at the worst price",
    )  # fmt: skip
    rows = [
        (
            each.way,
            each.grid,
            _percent(each.gain),
            _percent(each.last_gain),
            _percent(each.mean("relative_quality")),
            _percent(each.mean("saved")),
            _percent(each.mean("relative_worth")),
            _percent(each.worst_worth),
        )
        for each in streamed
    ]
    return _table(headings, rows, texts=2)


def _figure(figures: Mapping[str, Figure], name: str) -> str:
    figure = figures.get(name)
    if figure is None or math.isnan(figure.value):
        return _NOTHING
    return f"{_percent(figure.value)} ({100 * figure.low:.1f} to {100 * figure.high:.1f})"


def _percent(share: float) -> str:
    return _NOTHING if math.isnan(share) else f"{100 * share:.1f} %"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 1) -> str:
    rules = [*["---"] * texts, *["---:"] * (len(headings) - texts)]
    lines = [_line(headings), _line(rules), *(_line(row) for row in rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
