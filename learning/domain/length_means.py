"""How long answers are: mean tokens by model and kind of prompt, shrunken where few answers are known.

An answer that was cut at a limit says only that it would have been longer. Its tokens count, but it does not count as
an answer: tokens of all over the number of those that ended by themselves is the maximum-likelihood mean of exponential
lengths of which some are censored (Epstein and Sobel 1953). So a short limit does not make a model look brief.

A model's length on a kind of prompt is drawn towards its overall length times how much longer answers to that kind are
whichever model gives them. Requests of a kind are not spread evenly over models: this is what keeps a model that gets
the hard ones from looking longer than it is.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from routing.domain.costs import TYPICAL_OUTPUT_TOKENS
from routing.domain.output_lengths import LEAST_TOKENS, MOST_TOKENS, Lengths, OutputLengths

# As many further answers as what is drawn towards counts.
STRENGTH = 5
# Tasks that a policy knows: those with most answers.
MAX_TASKS = 50


@dataclass(frozen=True, slots=True)
class LengthSum:
    """Answers of one model to one kind of prompt, added up.

    Attributes:
        model: Full name, ``provider/name``.
        pattern: None where it is not known.
        task: The caller's own tag.
        ended: Answers that ended by themselves, 0 or more.
        tokens: Of these and of those that were cut at a limit, 0 or more.
    """

    model: str
    pattern: str | None
    task: str | None
    ended: int
    tokens: int


@dataclass(slots=True)
class _Tally:
    """Answers and tokens by model."""

    ended: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)

    def add(self, found: LengthSum) -> None:
        self.ended[found.model] += found.ended
        self.tokens[found.model] += found.tokens


def learn(sums: Iterable[LengthSum]) -> OutputLengths | None:
    """Return the lengths to expect, in tokens; None where no answer is known.

    What is not known is, in this order: the model's mean, the mean of all models, 300 tokens.
    """
    found = list(sums)
    total = _tally(found)
    if not total.ended.total():
        return None
    typical = _shrunken(total.tokens.total(), total.ended.total(), TYPICAL_OUTPUT_TOKENS)
    of_model = {name: _shrunken(total.tokens[name], total.ended[name], typical) for name in sorted(total.ended)}
    patterns = _by_kind((one, one.pattern) for one in found)
    tasks = _by_kind((one, one.task) for one in found)
    return OutputLengths(
        overall=_lengths(typical, of_model),
        patterns={name: _of_kind(tally, typical, of_model) for name, tally in patterns.items()},
        tasks={name: _of_kind(tasks[name], typical, of_model) for name in _most_answered(tasks)},
    )


def _of_kind(tally: _Tally, typical: float, of_model: dict[str, float]) -> Lengths:
    usual = sum(tally.ended[name] * length for name, length in of_model.items())
    longer = (tally.tokens.total() + STRENGTH * typical) / (usual + STRENGTH * typical)
    return _lengths(
        longer * typical,
        {name: _shrunken(tally.tokens[name], tally.ended[name], longer * length) for name, length in of_model.items()},
    )


def _shrunken(tokens: int, ended: int, towards: float) -> float:
    return (tokens + STRENGTH * towards) / (ended + STRENGTH)


def _tally(sums: Iterable[LengthSum]) -> _Tally:
    found = _Tally()
    for one in sums:
        found.add(one)
    return found


def _by_kind(named: Iterable[tuple[LengthSum, str | None]]) -> dict[str, _Tally]:
    found: dict[str, _Tally] = {}
    for one, name in named:
        if name:
            found.setdefault(name, _Tally()).add(one)
    return found


def _most_answered(tasks: dict[str, _Tally]) -> Sequence[str]:
    return sorted(tasks, key=lambda name: (-tasks[name].ended.total(), name))[:MAX_TASKS]


def _lengths(typical: float, models: dict[str, float]) -> Lengths:
    return Lengths(_whole(typical), {name: _whole(length) for name, length in models.items()})


def _whole(tokens: float) -> int:
    return min(max(round(tokens), LEAST_TOKENS), MOST_TOKENS)
