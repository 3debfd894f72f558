"""Answers to choose from in a prompt: where they are, how long, and how alike what they say is."""

import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# At the beginning of a line, "A. yes", "(b) no", "3) maybe"; or anywhere in round brackets, "(A) yes (B) no". Each
# character is looked at a bounded number of times: an option takes the rest of its line, or all up to a bracket.
_OPTION = re.compile(
    r"^[ \t]{0,8}[(\[]?[A-Ja-j1-9][)\].:][ \t]{0,4}(?P<line>.*)|\([A-J1-9]\)[ \t]{0,4}(?P<inline>[^()\n]*)",
    re.MULTILINE,
)
# A name, a number or a formula rather than words.
_SHORT = re.compile(r"[\W\d\s]*[a-zA-Z%]{0,3}")
_MOST_OPTIONS = 8
_LONGEST_STEM = 400
SHAPE_FEATURES = (
    "options",  # log count
    "option_length",  # log mean characters
    "option_length_spread",  # standard deviation over mean
    "longest_option",  # log characters
    "short_options",  # share of names, numbers and formulas
    "stem_length",  # log characters of the question that precedes the options
    "stem_words",  # log words of it
    "stem_is_question",  # 0 or 1
    "has_options",  # 0 or 1
)
MEANING_FEATURES = (
    "options_alike",  # mean cosine of two options
    "options_near_stem",  # mean cosine of an option and the question
    "nearest_option_lead",  # how much nearer the nearest option is to the question than the next one
    "options_nearness_spread",  # standard deviation of those cosines
)


@dataclass(frozen=True, slots=True)
class Options:
    """The question (``stem``) and the spans of the options in the text it was found in; fewer than two are none."""

    stem: str
    texts: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


def find(text: str) -> Options:
    """Return the options in a text; linear in its length."""
    matches = list(_OPTION.finditer(text))
    if len(matches) < 2:
        return Options(text, (), ())
    found = [(match.span("line") if match["line"] is not None else match.span("inline")) for match in matches]
    return Options(text[: matches[0].start()], tuple(text[start:end].strip() for start, end in found), tuple(found))


def shape(options: Options) -> list[float]:
    """Return ``SHAPE_FEATURES``."""
    lengths = [len(text) for text in options.texts] or [0]
    mean = statistics.fmean(lengths)
    short = sum(_SHORT.fullmatch(text) is not None for text in options.texts)
    return [
        math.log1p(len(options.texts)),
        math.log1p(mean),
        min(10.0, statistics.pstdev(lengths, mean) / (mean + 1)),
        math.log1p(max(lengths)),
        short / max(1, len(options.texts)),
        math.log1p(len(options.stem)),
        math.log1p(options.stem.count(" ")),
        float(options.stem.rstrip().endswith("?")),
        float(bool(options.texts)),
    ]


def meaning(options: Options, rows: np.ndarray, starts: np.ndarray) -> list[float]:
    """Return ``MEANING_FEATURES``, from the first options; without options they are zero.

    Args:
        rows: The tokens' vectors, float32 [tokens, dimensions].
        starts: The character at which each token begins, ascending [tokens].
    """
    if not options.spans:
        return [0.0] * len(MEANING_FEATURES)
    stem_end = len(options.stem)
    spans = [(max(0, stem_end - _LONGEST_STEM), stem_end), *options.spans[:_MOST_OPTIONS]]
    vectors = _unit(np.stack([_mean(rows, starts, span) for span in spans]))
    options_only = vectors[1:]
    count = len(options_only)
    alike = float((options_only @ options_only.T).sum() - (options_only * options_only).sum()) / (count * (count - 1))
    nearness = options_only @ vectors[0]
    ordered = np.sort(nearness)
    return [alike, float(nearness.mean()), float(ordered[-1] - ordered[-2]), float(nearness.std())]


def _mean(rows: np.ndarray, starts: np.ndarray, span: Sequence[int]) -> np.ndarray:
    first, last = np.searchsorted(starts, span)
    total: np.ndarray = rows[first:last].sum(0) / max(1, last - first)
    return total


def _unit(vectors: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-6)
    return unit
