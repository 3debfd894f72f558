"""Grades an answer against the reference answer of its prompt, in [0, 1]."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal

_WORDS = re.compile(r"\w+")
_ARTICLES = frozenset({"a", "an", "the"})
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?![0-9])")
_MAX_DIGITS = 40
# Where the number that counts is looked for: at the end.
_MAX_CHARACTERS = 10_000
_TOLERANCE = Decimal("0.000001")


class UnknownMode(ValueError):
    """No way of comparing has this name."""


def grade(answer: str, reference: str, *, mode: str) -> float:
    """Compare an answer with a reference.

    Args:
        mode: ``exact`` (but for outer white space), ``normalized`` (case, punctuation, articles and white space do not
            count, as in the SQuAD evaluation), ``numeric`` (the last number of each, within a millionth), ``contains``
            (the normalized reference is part of the normalized answer) or ``f1`` (of tokens, as in SQuAD).

    Raises:
        UnknownMode: ``mode`` is another word.
    """
    compare = MODES.get(mode)
    if compare is None:
        raise UnknownMode(f"Unknown way to compare {mode[:40]!r}: use one of {', '.join(MODES)}.")
    return float(compare(answer, reference))


def normalized(text: str) -> list[str]:
    """Return the words of a text without case, accents' encoding, punctuation and English articles.

    Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text" (2016), its evaluation script.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return [word for word in _WORDS.findall(folded) if word not in _ARTICLES]


def _exact(answer: str, reference: str) -> bool:
    return answer.strip() == reference.strip()


def _normalized(answer: str, reference: str) -> bool:
    return normalized(answer) == normalized(reference)


def _numeric(answer: str, reference: str) -> bool:
    found, wanted = _last_number(answer), _last_number(reference)
    if found is None or wanted is None:
        return False
    return abs(found - wanted) <= _TOLERANCE * max(Decimal(1), abs(wanted))


def _contains(answer: str, reference: str) -> bool:
    wanted = " ".join(normalized(reference))
    return bool(wanted) and f" {wanted} " in f" {' '.join(normalized(answer))} "


def _token_f1(answer: str, reference: str) -> float:
    found, wanted = normalized(answer), normalized(reference)
    if not found or not wanted:
        return float(found == wanted)
    common = (Counter(found) & Counter(wanted)).total()
    return 2 * common / (len(found) + len(wanted))


def _last_number(text: str) -> Decimal | None:
    numbers = [match for match in _NUMBER.findall(text[-_MAX_CHARACTERS:]) if len(match) <= _MAX_DIGITS]
    return Decimal(numbers[-1].replace(",", "")) if numbers else None


MODES: Mapping[str, Callable[[str, str], float]] = {
    "exact": _exact,
    "normalized": _normalized,
    "numeric": _numeric,
    "contains": _contains,
    "f1": _token_f1,
}
