"""How long answers are expected to be: tokens by the caller's task or the keyword pattern, and by model.

A model that thinks before it answers may be cheap by the token and dear by the answer. The lengths are learned from
answers that were given (``learning.domain.length_means``) and are part of a policy; without them an answer is taken to
be ``costs.TYPICAL_OUTPUT_TOKENS`` long.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Tokens; more than an answer of any length that is usual would cost only the order of candidates.
LEAST_TOKENS, MOST_TOKENS = 1, 32_768


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of an answer to prompts of one kind: of each known model by full name, and of any other (``typical``)."""

    typical: int
    models: Mapping[str, int] = field(default_factory=dict)

    def of(self, full_name: str) -> int:
        """Return the tokens to expect of a model."""
        return self.models.get(full_name, self.typical)

    def within(self, full_name: str, limit: int | None) -> int:
        """Return the same, but no more than a request's limit on tokens where it has one."""
        expected = self.of(full_name)
        return expected if limit is None else min(expected, limit)


@dataclass(frozen=True, slots=True)
class OutputLengths:
    """Lengths of answers to prompts of each known task and pattern, and of all prompts."""

    overall: Lengths
    patterns: Mapping[str, Lengths] = field(default_factory=dict)
    tasks: Mapping[str, Lengths] = field(default_factory=dict)

    def of_kind(self, *, task: str | None, pattern: str) -> Lengths:
        """Return those of a task where it is known, else of the pattern where that is, else of all prompts."""
        known = self.tasks.get(task) if task is not None else None
        return known or self.patterns.get(pattern, self.overall)


def document(lengths: OutputLengths) -> dict[str, Any]:
    """Return lengths as plain JSON; equal lengths have equal documents."""
    return {
        "overall": _entry(lengths.overall),
        "patterns": {name: _entry(lengths.patterns[name]) for name in sorted(lengths.patterns)},
        "tasks": {name: _entry(lengths.tasks[name]) for name in sorted(lengths.tasks)},
    }


def parse(document: object) -> OutputLengths:
    """Read what ``document`` wrote.

    Raises:
        ValueError: A key is missing or unknown, or a length is no whole number from 1 to 32,768; the message names it.
    """
    found = _object(document, ("overall", "patterns", "tasks"), "output_lengths")
    return OutputLengths(
        overall=_lengths(found["overall"], "output_lengths.overall"),
        patterns=_kinds(found["patterns"], "output_lengths.patterns"),
        tasks=_kinds(found["tasks"], "output_lengths.tasks"),
    )


def _entry(lengths: Lengths) -> dict[str, Any]:
    return {"typical": lengths.typical, "models": {name: lengths.models[name] for name in sorted(lengths.models)}}


def _kinds(value: object, where: str) -> dict[str, Lengths]:
    return {name: _lengths(entry, f"{where}.{name}") for name, entry in _mapping(value, where).items()}


def _lengths(value: object, where: str) -> Lengths:
    found = _object(value, ("typical", "models"), where)
    models = _mapping(found["models"], f"{where}.models")
    return Lengths(
        _tokens(found["typical"], f"{where}.typical"),
        {name: _tokens(tokens, f"{where}.models.{name}") for name, tokens in models.items()},
    )


def _object(value: object, keys: tuple[str, ...], where: str) -> Mapping[str, Any]:
    found = _mapping(value, where)
    if set(found) != set(keys):
        raise ValueError(f"{where} must have the keys {', '.join(keys)} and no others.")
    return found


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and name for name in value):
        raise ValueError(f"{where} must be an object.")
    return value


def _tokens(value: object, where: str) -> int:
    # JSON's true is an int in Python.
    if isinstance(value, bool) or not isinstance(value, int) or not LEAST_TOKENS <= value <= MOST_TOKENS:
        raise ValueError(f"{where} is {value!r}; it must be a whole number from {LEAST_TOKENS} to {MOST_TOKENS:,}.")
    return value
