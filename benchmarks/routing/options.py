"""What the command is asked on its command line."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.routing.bandit import GRIDS, JUDGED, WAYS, Way
from benchmarks.routing.full_information import Settings

_DESCRIPTION = """\
Shows what routing saves at equal quality, on real outcomes of several models.

DATA is a folder with pools in it, or one pool: prompts.csv (prompt_id, category, prompt; dataset, split) and
outcomes.csv (prompt_id, model, quality in [0, 1], cost_usd), plain or gzipped. Prompts are read, the predictor is
trained and models are chosen by the product's own code. Two kinds of figures are printed for every pool:

full information: the predictor learned from all outcomes of other prompts (cross-validation).
  area closed    the share of the area between random mix and oracle, under the router's upper cost-quality hull
  saved at x %   cost saved against the best single model where quality is x % of its
  APGR, CPT(x)   of pools with two models, as RouteLLM defines them
bandit: a stream of prompts where only the outcome of the model that was served is seen, trained anew every tenth.
  gain           over the best fixed model in hindsight, as a share of the oracle's gain over it

Figures in parentheses hold 95 % of the bootstrap draws over prompts (not over trainings)."""
_DRAWS = 500
_QUICK_PROMPTS, _QUICK_DRAWS, _QUICK_WAYS = 1_000, 50, ("warm-5", "cold-5")


@dataclass(frozen=True, slots=True)
class Options:
    """One run; ``data`` is None only where ``is_fit_timed``.

    ``most_prompts`` of a pool are measured, drawn at random; None is all. ``given`` are the options that decide what is
    measured, as they were written.
    """

    data: Path | None
    pools: tuple[str, ...]
    settings: Settings
    planned: tuple[tuple[Way, str], ...]
    seeds: tuple[int, ...]
    most_prompts: int | None
    given: str
    is_written: bool
    json: Path | None
    out: Path | None
    is_fit_timed: bool


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line; exits with 2 where it is wrong."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.data is None and not asked.fit_time:
        parser.error("DATA is missing: a folder with pools in it, or one pool. Only --fit-time needs none.")
    default_draws = _QUICK_DRAWS if asked.quick else _DRAWS
    return Options(
        data=asked.data,
        pools=tuple(asked.pool),
        settings=Settings(folds=asked.folds, bootstrap=asked.bootstrap or default_draws, seed=asked.seed),
        planned=tuple(_planned(asked)) if asked.bandit else (),
        seeds=tuple(range(asked.seed, asked.seed + asked.streams)),
        most_prompts=_QUICK_PROMPTS if asked.quick else None,
        given=_given(asked),
        is_written=asked.write,
        json=asked.json,
        out=asked.out,
        is_fit_timed=asked.fit_time,
    )


def _planned(asked: argparse.Namespace) -> Iterator[tuple[Way, str]]:
    """Streams take by far the most time: those at uniform prices are run for the way that is judged, unless asked."""
    for name in asked.way or (_QUICK_WAYS if asked.quick else WAYS):
        is_judged = WAYS[name] == JUDGED and not asked.quick
        for grid in asked.prices or (GRIDS if is_judged else GRIDS[:1]):
            yield WAYS[name], grid


def _given(asked: argparse.Namespace) -> str:
    chosen = {"--pool": asked.pool, "--way": asked.way or [], "--prices": asked.prices or []}
    words = [f"{name} {value}" for name, values in chosen.items() for value in values]
    return " ".join(words + ["--quick"] * asked.quick + ["--no-bandit"] * (not asked.bandit))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.routing",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, nargs="?", metavar="DATA", help="a folder with pools in it, or one pool")
    parser.add_argument("--pool", action="append", default=[], metavar="NAME", help="only this pool; may be repeated")
    parser.add_argument("--folds", type=_AtLeast(2), default=5, help="parts of the cross-validation (default 5)")
    parser.add_argument("--seed", type=_AtLeast(0), default=1, help="of folds, draws and streams (default 1)")
    parser.add_argument("--bootstrap", type=_AtLeast(1), metavar="DRAWS", help="default 500, with --quick 50")
    parser.add_argument(
        "--bandit", action=argparse.BooleanOptionalAction, default=True, help="measure streams as well (default)"
    )
    parser.add_argument("--way", action="append", choices=WAYS, help="only streams learned so; may be repeated")
    parser.add_argument(
        "--prices",
        action="append",
        choices=GRIDS,
        help="only this grid (default: break-even, for warm-5 both); may be repeated",
    )
    parser.add_argument(
        "--streams", type=_AtLeast(1), default=1, help="streams in another order at each price (default 1)"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"at most {_QUICK_PROMPTS:,} prompts of a pool, streams with 5 %% exploration and break-even prices only",
    )
    parser.add_argument(
        "--write", action="store_true", help="put the report into docs/ROUTING-RESULTS.md, pictures into docs/images"
    )
    parser.add_argument(
        "--fit-time",
        action="store_true",
        help="measure nothing but what a training on 20,000 made-up prompts and 10 models takes, and a forecast",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there as JSON")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write the pictures there")
    return parser


class _AtLeast:
    """A whole number that is not below a limit."""

    def __init__(self, least: int) -> None:
        self._least = least

    def __call__(self, text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = self._least - 1
        if value < self._least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {self._least} up")
        return value
