"""Runs the measurements that were asked for and hands out the figures."""

import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.routing import bandit, fit_time, full_information, goals, options, picture, pools, product, report
from benchmarks.routing.options import Options
from benchmarks.routing.pools import Pool
from benchmarks.routing.product import Trainer
from benchmarks.routing.report import Measured
from benchmarks.routing.tables import InvalidPool

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "ROUTING-RESULTS.md"
IMAGES = ROOT / "docs" / "images"
_LISTS = ("scored", "streamed", "verdicts")


def main(
    arguments: Sequence[str] | None = None,
    *,
    train: Trainer = product.train,
    trainer: Callable[[], Trainer] = product.Retrainer,
) -> int:
    """Measure and print; return 2 where the data cannot be measured."""
    asked = options.parse(arguments)
    if asked.data is None or asked.is_fit_timed:
        timed = list(
            fit_time.measure(asked.most_prompts or fit_time.PROMPTS, seed=asked.settings.seed, say=_progress())
        )
        print(fit_time.table(timed))
        return 0
    try:
        found = pools.read(asked.data)
        chosen = _chosen(found.pools, asked.pools)
    except InvalidPool as error:
        print(error, file=sys.stderr)
        return 2
    say = _progress()
    for note in found.notes:
        say(note)
    measured = [_measure(_cut(pool, asked), asked, (train, trainer), say) for pool in chosen]
    say("done")
    _hand_out(measured, asked)
    return 0


def _measure(
    pool: Pool, asked: Options, training: tuple[Trainer, Callable[[], Trainer]], say: Callable[[str], None]
) -> Measured:
    train, trainer = training
    say(f"{pool.name}: reading {len(pool.texts):,} prompts")
    read = product.read(pool)
    scored = full_information.measure(read, asked.settings, train=train, say=say)
    streamed = list(bandit.measure(read, asked.planned, asked.seeds, trainer=trainer, say=say))
    return Measured(pool, scored, streamed, goals.judge(pool.name, scored, streamed))


def _hand_out(measured: Sequence[Measured], asked: Options) -> None:
    conditions = _conditions(asked)
    print(report.render(measured, conditions, None), end="")
    folders = [asked.out] if asked.out is not None else []
    if asked.is_written:
        report.write_between_markers(RESULTS, report.render(measured, conditions, IMAGES.name))
        folders.append(IMAGES)
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        for each in measured:
            (folder / report.picture_name(each.pool)).write_text(picture.draw(each.pool, each.scored))
    if asked.json is not None:
        figures = [
            {"pool": each.pool.name, **{name: [asdict(row) for row in getattr(each, name)] for name in _LISTS}}
            for each in measured
        ]
        asked.json.write_text(json.dumps(_plain(figures), indent=1))


def _plain(value: Any) -> Any:
    """Return the same with null for what is not a number, which JSON has no word for."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _conditions(asked: Options) -> list[str]:
    settings = asked.settings
    options = f' ARGS="{asked.given}"' if asked.given else ""
    command = f"make bench-routing DATA=<folder>{options}"
    return [
        f"Command: `{command}`: {settings.folds} folds, {settings.bootstrap} bootstrap draws, seed {settings.seed}, "
        f"{len(asked.seeds)} stream(s) at each price.",
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}, "
        f"numpy {np.__version__}.",
    ]


def _chosen(found: Sequence[Pool], names: Sequence[str]) -> list[Pool]:
    by_name = {pool.name: pool for pool in found}
    if unknown := [name for name in names if name not in by_name]:
        raise InvalidPool(f"There is no pool {', '.join(unknown)}; there are {', '.join(by_name)}.")
    return [by_name[name] for name in names] if names else list(found)


def _cut(pool: Pool, asked: Options) -> Pool:
    count = len(pool.texts)
    if asked.most_prompts is None or count <= asked.most_prompts:
        return pool
    rows = np.sort(np.random.default_rng(asked.settings.seed).permutation(count)[: asked.most_prompts])
    return replace(
        pool,
        texts=tuple(pool.texts[row] for row in rows),
        tasks=tuple(pool.tasks[row] for row in rows),
        quality=pool.quality[rows],
        cost=pool.cost[rows],
        groups=pool.groups[rows],
        tokens=None if pool.tokens is None else pool.tokens[rows],
    )


def _progress() -> Callable[[str], None]:
    began = time.monotonic()

    def say(words: str) -> None:
        print(f"[{time.monotonic() - began:6.0f} s] {words}", file=sys.stderr, flush=True)

    return say
