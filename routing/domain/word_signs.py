"""What the words of a prompt say of its kind: question words and groups of words, each counted."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

_QUESTION_WORDS = (
    "what which who when where why how is are if not except least most following statement true false none all "
    "calculate find explain write function best and or because percent total each per than"
)
# Counted up to two: once or repeatedly is what matters.
QUESTION_WORDS = tuple(_QUESTION_WORDS.split())
# A word belongs to every group in which it stands as a whole, ...
_WHOLE: Mapping[str, str] = {
    "taking_away": "left fewer less lost gave spent difference after",
    "multiplying": "times twice double triple half third quarter every each per",
    "rate": "per rate speed",
    "percentage": "",
    "money": "",
    "fraction": "half third fourth quarter fifth",
    "comparison": "than older younger longer",
    "condition": "if when unless suppose assume given let",
    "negation": "not no never none neither except cannot without",
    "pronoun": "he she they it his her their",
    "science": "",
    "article": "the a an",
}
# ... with which it begins, ...
_BEGINNING: Mapping[str, str] = {
    "taking_away": "remain",
    "rate": "hour minute day week month year mile",
    "percentage": "percent discount interest tax tip",
    "money": "dollar cents cost price pay",
}
# ... or with which it ends.
_ENDING: Mapping[str, str] = {
    "fraction": "ths",
    "negation": "n't",
    "science": "ology ase ine ium tion ity ism osis itis",
}
GROUPS = tuple(_WHOLE)
_LONGEST_WORD = 32
_CACHED_WORDS = 16_384


def question_words(counts: Mapping[str, int]) -> list[float]:
    """Return how often each of ``QUESTION_WORDS`` occurs, at most 2."""
    return [float(min(2, counts.get(word, 0))) for word in QUESTION_WORDS]


def group_counts(counts: Counter[str]) -> list[int]:
    """Return how many words belong to each of ``GROUPS``; a word may belong to several."""
    totals = [0] * len(GROUPS)
    for word, count in counts.items():
        for group in _groups_of(word) if len(word) <= _LONGEST_WORD else ():
            totals[group] += count
    return totals


def log_and_share(counts: Sequence[int], words: int) -> list[float]:
    """Return for each count its log(1 + count) and its share of the words, at most 1."""
    return [value for count in counts for value in (math.log1p(count), min(1.0, count / max(1, words)))]


@lru_cache(maxsize=_CACHED_WORDS)
def _groups_of(word: str) -> tuple[int, ...]:
    return tuple(place for place, name in enumerate(GROUPS) if _belongs(word, name))


def _belongs(word: str, group: str) -> bool:
    return (
        word in _WHOLE_WORDS[group]
        or word.startswith(_BEGINNINGS.get(group, ()))
        or word.endswith(_ENDINGS.get(group, ()))
    )


_WHOLE_WORDS = {group: frozenset(words.split()) for group, words in _WHOLE.items()}
_BEGINNINGS = {group: tuple(words.split()) for group, words in _BEGINNING.items()}
_ENDINGS = {group: tuple(words.split()) for group, words in _ENDING.items()}
