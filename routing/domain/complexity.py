"""How hard a request looks, from its surface: a cold-start rule, not a measurement of quality.

The score adds nine signs, each saturating at its weight, and takes a little off where brevity is asked for. A sign
that saturates cannot be inflated by repetition, and no sign alone makes a prompt complex.

| sign        | weight | saturates at                                                        |
|-------------|--------|---------------------------------------------------------------------|
| length      | 0.15   | 2,400 characters, as a square root (300 characters give a third)    |
| reasoning   | 0.25   | 3 distinct words such as "design", "prove", "trade" (-offs)         |
| demand      | 0.15   | 1 word that asks for a design, a proof or a derivation              |
| constraints | 0.20   | 4 distinct words such as "must", "without", "at" least, "ensure"    |
| code        | 0.20   | 2 distinct words of programming, a fence or 2 lines of code         |
| steps       | 0.15   | 3 list items, ordering words or questions                           |
| mathematics | 0.10   | 2 distinct words or symbols                                         |
| turns       | 0.10   | 11 turns                                                            |
| tools       | 0.10   | any tool offered                                                    |
"""

import math

from routing.domain import text_reading
from routing.domain.text_reading import TextReading

SIMPLE_BELOW = 0.3
MODERATE_BELOW = 0.7

_LENGTH_WEIGHT, _LENGTH_FULL = 0.15, 2_400
_REASONING_WEIGHT, _REASONING_FULL = 0.25, 3
_DEMAND_WEIGHT = 0.15
_CONSTRAINTS_WEIGHT, _CONSTRAINTS_FULL = 0.20, 4
_CODE_WEIGHT, _CODE_FULL = 0.20, 2
_STEPS_WEIGHT, _STEPS_FULL = 0.15, 3
_MATHEMATICS_WEIGHT, _MATHEMATICS_FULL = 0.10, 2
_TURNS_WEIGHT, _TURNS_FULL = 0.10, 10
_TOOLS_WEIGHT = 0.10
_BREVITY_DISCOUNT = 0.10


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_LIST_MARKS = ("-", "*", "•")

_REASONING = _words(
    "analyze analyse architect architecture assess compare comparison complexity concurrency consensus consistency "
    "consistent critique deduce derive design diagnose distributed evaluate evaluation formal formally infer justify "
    "optimal optimize optimise plan proof prove rationale reason reasoning scalability scalable strategy synthesize "
    "trade tradeoff tradeoffs"
)
_DEMANDING = _words("architect derive design formally optimize optimise proof prove")
_CONSTRAINTS = _words(
    "always avoid budget constraint constraints constrained deadline edge ensure exactly except exceed guarantee "
    "guarantees handle handles invalid least limit maximum minimum most must never only require required requirement "
    "requirements requires satisfy should support supports tolerate under unless validate within without"
)
_CODE = _words(
    "algorithm api async bash bug class code compile css database debug deploy django docker endpoint exception "
    "function golang html implement java javascript kubernetes library method migration module php program "
    "python query react recursion refactor regex ruby rust schema script sql test tests thread typescript"
)
_STEPS = _words("afterwards finally first firstly fourth lastly next second secondly step steps then third")
_MATHEMATICS = _words(
    "calculus derivative distribution equation equations integral lemma linear logarithm matrix polynomial "
    "probability proof prove theorem variance vector"
)
_MATHEMATICS_SIGNS = "∑∫∂√≤≥≠∈∀∃∞→⇒±^"
_BREVITY = _words("brief briefly concise concisely short shortly tldr")


def score(text: str, *, turns: int = 1, has_tools: bool = False) -> float:
    """Rate a prompt in [0, 1], to four decimals; deterministic, linear in a bounded window of the text.

    Args:
        text: What is asked.
        turns: Messages of the user in the conversation so far, this one included.
        has_tools: Whether the model is offered tools to call.
    """
    return score_of(text_reading.read(text), turns=turns, has_tools=has_tools)


def score_of(reading: TextReading, *, turns: int = 1, has_tools: bool = False) -> float:
    """Do the same with a text that has been read."""
    view, words = reading.view, set(reading.words)
    code = 2 * reading.has_fence + reading.code_lines + len(words & _CODE)
    mathematics = len(words & _MATHEMATICS) + sum(sign in view for sign in _MATHEMATICS_SIGNS)
    total = (
        _LENGTH_WEIGHT * math.sqrt(min(1.0, reading.length / _LENGTH_FULL))
        + _saturating(len(words & _REASONING), _REASONING_FULL, _REASONING_WEIGHT)
        + _DEMAND_WEIGHT * bool(words & _DEMANDING)
        + _saturating(len(words & _CONSTRAINTS), _CONSTRAINTS_FULL, _CONSTRAINTS_WEIGHT)
        + _saturating(code, _CODE_FULL, _CODE_WEIGHT)
        + _saturating(len(words & _STEPS) + _listed(view), _STEPS_FULL, _STEPS_WEIGHT)
        + _saturating(mathematics, _MATHEMATICS_FULL, _MATHEMATICS_WEIGHT)
        + _saturating(max(0, turns - 1), _TURNS_FULL, _TURNS_WEIGHT)
        + _TOOLS_WEIGHT * has_tools
        - _BREVITY_DISCOUNT * bool(words & _BREVITY)
    )
    return round(min(1.0, max(0.0, total)), 4)


def tier(complexity_score: float) -> str:
    """Name the tier of a score: simple < 0.3 <= moderate < 0.7 <= complex."""
    if complexity_score < SIMPLE_BELOW:
        return "simple"
    return "moderate" if complexity_score < MODERATE_BELOW else "complex"


def _saturating(count: int, full: int, weight: float) -> float:
    return weight * min(count, full) / full


def _listed(view: str) -> int:
    """Count list items, and questions beyond the first."""
    items = sum(_is_list_item(line.lstrip()[:6]) for line in view.splitlines())
    return items + max(0, view.count("?") - 1)


def _is_list_item(start: str) -> bool:
    mark, space, _ = start.partition(" ")
    number = mark.rstrip(".)")
    return bool(space) and (mark in _LIST_MARKS or (number != mark and number.isdecimal()))
