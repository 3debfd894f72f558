"""Reads the two tables of a pool, and says by file and line what is wrong with them."""

import csv
import gzip
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

csv.field_size_limit(sys.maxsize)
_PROMPT_COLUMNS = ("prompt_id", "category", "prompt")
_OUTCOME_COLUMNS = ("prompt_id", "model", "quality", "cost_usd")
_TOKEN_COLUMNS = ("in_tokens", "out_tokens")


class InvalidPool(Exception):
    """A folder that cannot be measured; the message names what is missing or wrong."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt; ``dataset`` and ``split`` are empty where the file names none."""

    id: str
    dataset: str
    category: str
    split: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Quality in [0, 1], dollars, and tokens in and out, by (prompt, model); what was not recorded is absent."""

    models: tuple[str, ...]
    quality: dict[tuple[str, str], float]
    cost: dict[tuple[str, str], float]
    tokens: dict[tuple[str, str], tuple[float, float]]


def read_prompts(folder: Path) -> list[Prompt]:
    """Read ``prompts.csv``; raises InvalidPool."""
    found: dict[str, Prompt] = {}
    for where, row in _rows(folder, "prompts.csv", _PROMPT_COLUMNS):
        if row["prompt_id"] in found:
            raise InvalidPool(f"{where}: the prompt_id {row['prompt_id']!r} occurs twice.")
        found[row["prompt_id"]] = Prompt(
            id=row["prompt_id"],
            dataset=row.get("dataset") or "",
            category=row["category"],
            split=row.get("split") or "",
            text=row["prompt"],
        )
    return list(found.values())


def read_outcomes(folder: Path) -> Outcomes:
    """Read ``outcomes.csv``; a row without a quality counts as absent. Raises InvalidPool."""
    models: dict[str, None] = {}
    quality: dict[tuple[str, str], float] = {}
    cost: dict[tuple[str, str], float] = {}
    tokens: dict[tuple[str, str], tuple[float, float]] = {}
    for where, row in _rows(folder, "outcomes.csv", _OUTCOME_COLUMNS):
        key = row["prompt_id"], row["model"]
        if key in quality:
            raise InvalidPool(f"{where}: the model {key[1]!r} has two outcomes for the prompt {key[0]!r}.")
        if not row["quality"]:
            continue
        models[key[1]] = None
        quality[key] = _number(row["quality"], f"{where}: quality", most=1.0)
        if row["cost_usd"]:
            cost[key] = _number(row["cost_usd"], f"{where}: cost_usd", most=math.inf)
        if all(row.get(column) for column in _TOKEN_COLUMNS):
            given, answered = (_number(row[name], f"{where}: {name}", most=math.inf) for name in _TOKEN_COLUMNS)
            tokens[key] = given, answered
    return Outcomes(tuple(models), quality, cost, tokens)


def _rows(folder: Path, name: str, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    path = _path(folder, name)
    try:
        with _opened(path) as file:
            reader = csv.DictReader(file)
            if missing := [column for column in columns if column not in (reader.fieldnames or ())]:
                raise InvalidPool(f"{path} lacks the column {', '.join(missing)}.")
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                if any(row[column] is None for column in columns):
                    raise InvalidPool(f"{where}: the row has too few columns.")
                yield where, row
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidPool(f"{path} cannot be read: {error}") from error


def _path(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            return path
    raise InvalidPool(f"{folder} lacks {name} (or {name}.gz).")


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _number(text: str, where: str, *, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    # Every comparison with NaN is false.
    if not 0.0 <= value <= most or math.isinf(value):
        raise InvalidPool(f"{where} is {text!r}; it must be a number from 0 to {most:g}.".replace("0 to inf", "0 up"))
    return value
