"""What can be told of a prompt from its surface: sizes, characters, numbers, words, tokens, answers to choose from.

Which features carry information about how well models of different strength answer was found by cross-validation on
public outcomes of benchmarks. All of them are bounded ("log" is log(1 + x)), and all are computed in time linear in a
window of the text, whatever it holds: no pattern here can begin to match at one place in more than a few ways.
"""

import math
import re
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from routing.domain import answer_options, code_signs, word_signs
from routing.domain.text_window import window

_HEAD_CHARACTERS, _TAIL_CHARACTERS = 4_000, 1_000

_WORD = re.compile(r"[^\W\d_]+(?:'[a-z]+)?|\d+(?:[.,]\d+)*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_SENTENCE_END = re.compile(r"[.!?\n]+")
_CHOICE_MARK = re.compile(r"(?:^|[\s(])\(?[A-J1-9][).]\s")
# Of the text as it is.
_MARKS = {
    "roman": re.compile(r"\b(?:I{1,3}|IV)\b"),
    "name": re.compile(r"(?<=[a-z,] )[A-Z][a-z]"),
    "call": re.compile(r"\w\("),
    "tex": re.compile(r"\\[a-zA-Z]"),
    "ratio": re.compile(r"\d/\d"),
    "statement": re.compile(r"[Ss]tatement \d"),
    "all_of": re.compile(r"\b(?:[Aa]ll|[Nn]one|[Bb]oth|[Nn]either) of the"),
}
_YEAR = re.compile(r"(?:1\d|20)\d\d")
_LONG_WORD = 8
_LONGEST_NUMBER = 12
_LARGE = 100.0
# Rarer tokens have higher numbers in the vocabulary of 32,000.
_RARE_TOKENS = (10_000, 20_000)

SIZE_FEATURES = (
    "characters",  # log; of the whole text, all else of its first 4,000 and last 1,000 characters
    "words",  # log
    "lines",  # log
    "sentences",  # log
    "sentence_length",  # words of a sentence, over 20, at most 10
    "word_length",  # mean characters of a word, at most 20
    "longest_word",  # characters over 10, at most 5
    "distinct_words",  # share
    "long_words",  # log words of more than 8 characters
    "long_word_share",
)
CHARACTER_FEATURES = (
    "digit_share",  # of the bytes, as the next two
    "upper_share",
    "sign_share",  # ASCII punctuation and all that is not ASCII
    "question_marks",  # log, as all that follow
    "dollars_and_backslashes",
    "operators",  # = + * / ^ < >
    "brackets",  # opening round ones
    "underscores",
    "quotes",
    "commas",
    "percent_signs",
    "non_ascii",
)
NUMBER_FEATURES = (
    "numbers",  # log
    "longest_number",  # characters, at most 12
    "decimal_share",
    "distinct_numbers",  # log
    "magnitude",  # mean log, as the next two; numbers of 12 characters or more are left out
    "largest_magnitude",
    "magnitude_spread",
    "fractional_numbers",  # log
    "numbers_above_100",  # log
)
FORM_FEATURES = (
    "code_words",  # 0 or 1: "def ", "import " or a curly bracket
    "code_fence",  # 0 or 1, as all that follow but the last
    "begins_upper",
    "ends_with_question_mark",
    "ends_with_full_stop",
    "ends_with_colon",
    "ends_with_digit",
    "asks_for_answer",  # "answer" in the last 40 characters
    "choice_marks",  # log
)
SENTENCE_FEATURES = (
    "stem_sentences",  # log; of what precedes the options, as the next three
    "mean_sentence",  # words over 20, at most 10, as the next two
    "longest_sentence",
    "last_sentence",
)
TOKEN_FEATURES = (
    "rarity",  # mean log number of the tokens
    "rarity_spread",
    "rarity_90",  # 90th percentile
    "rare_share",  # of tokens above 10,000
    "very_rare_share",  # above 20,000
    "tokens_per_word",  # at most 10
    "token_weight",  # mean length of the tokens' vectors over 10, as the next three
    "heaviest_token",
    "token_weight_spread",
    "mean_vector_length",
)
CONVERSATION_FEATURES = (
    "complexity",  # the complexity score, 0 to 1
    "turns",  # log messages of the user before this one
)
_GROUPS = (*word_signs.GROUPS, "quotation", *_MARKS, "year")
FEATURES = (
    *SIZE_FEATURES,
    *CHARACTER_FEATURES,
    *NUMBER_FEATURES,
    *FORM_FEATURES,
    *SENTENCE_FEATURES,
    *(f"word_{word}" for word in word_signs.QUESTION_WORDS),
    # Of each the log count and the share of the words.
    *(f"{group}_{kind}" for group in _GROUPS for kind in ("count", "share")),
    *answer_options.SHAPE_FEATURES,
    *TOKEN_FEATURES,
    *answer_options.MEANING_FEATURES,
    *CONVERSATION_FEATURES,
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a prompt's excerpt: their numbers, vectors float32 [tokens, 256] and first characters, ascending.

    Where there are none, ``vectors`` has no rows.
    """

    text: str
    ids: np.ndarray
    vectors: np.ndarray
    starts: np.ndarray


def surface(text: str, tokens: Tokens, *, turns: int, complexity_score: float) -> np.ndarray:
    """Return ``FEATURES`` of a prompt as float32.

    Args:
        tokens: Those of an excerpt of ``text``; options to choose from are looked for in the excerpt.
        turns: Messages of the user in the conversation so far, this one included.
        complexity_score: In [0, 1].
    """
    view = window(text, _HEAD_CHARACTERS, _TAIL_CHARACTERS)
    words = _WORD.findall(view.lower())
    counts = Counter(words)
    numbers = _NUMBER.findall(view)
    options = answer_options.find(tokens.text)
    characters = _character_counts(view)
    groups = [*word_signs.group_counts(counts), characters["quotes"], *_marks(view), _years(numbers)]
    groups[_GROUPS.index("percentage")] += characters["percent_signs"]
    groups[_GROUPS.index("money")] += characters["dollars"]
    return np.array(
        [
            *_size(text, view, words, counts),
            *_characters(characters),
            *_numbers(numbers),
            *_form(view),
            *_sentences(options.stem),
            *word_signs.question_words(counts),
            *word_signs.log_and_share(groups, len(words)),
            *answer_options.shape(options),
            *_tokens(tokens, len(words)),
            *answer_options.meaning(options, tokens.vectors, tokens.starts),
            complexity_score,
            math.log1p(max(0, turns - 1)),
        ],
        dtype=np.float32,
    )


def _size(text: str, view: str, words: Sequence[str], counts: Counter[str]) -> list[float]:
    lengths = [len(word) for word in words] or [0]
    count = max(1, len(words))
    long = sum(length > _LONG_WORD for length in lengths)
    sentences = len(_SENTENCE_END.findall(view)) + 1
    return [
        math.log1p(len(text)),
        math.log1p(len(words)),
        math.log1p(view.count("\n") + 1),
        math.log1p(sentences),
        min(10.0, len(words) / sentences / 20),
        min(20.0, sum(lengths) / count),
        min(5.0, max(lengths) / 10),
        len(counts) / count,
        math.log1p(long),
        long / count,
    ]


# Row by row, which byte values are of a kind.
_KINDS = {
    "size": bytes(range(256)),
    "digits": b"0123456789",
    "upper": bytes(range(ord("A"), ord("Z") + 1)),
    "signs": bytes(value for value in range(33, 256) if not chr(value).isalnum() or value > 127),
    "question_marks": b"?",
    "dollars_and_backslashes": b"$\\",
    "operators": b"=+*/^<>",
    "brackets": b"(",
    "underscores": b"_",
    "quotes": b"\"'",
    "commas": b",",
    "percent_signs": b"%",
    "non_ascii": bytes(range(128, 256)),
    "dollars": b"$",
}
_IS_OF_KIND = np.array([[value in kind for value in range(256)] for kind in _KINDS.values()], dtype=np.int64)
_LOGGED_KINDS = CHARACTER_FEATURES[3:]


def _character_counts(view: str) -> dict[str, int]:
    raw = np.frombuffer(view.encode("utf-8", "replace"), dtype=np.uint8)
    return dict(zip(_KINDS, (_IS_OF_KIND @ np.bincount(raw, minlength=256)).tolist(), strict=True))


def _characters(counts: dict[str, int]) -> list[float]:
    size = max(1, counts["size"])
    shares = [counts[kind] / size for kind in ("digits", "upper", "signs")]
    return [*shares, *(math.log1p(counts[kind]) for kind in _LOGGED_KINDS)]


def _numbers(numbers: Sequence[str]) -> list[float]:
    readable = [number for number in numbers if len(number) < _LONGEST_NUMBER and number.count(".") < 2]
    values = [float(number.replace(",", "")) for number in readable] or [0.0]
    logs = [math.log1p(value) for value in values]
    mean = statistics.fmean(logs)
    return [
        math.log1p(len(numbers)),
        float(min(_LONGEST_NUMBER, max(map(len, numbers), default=0))),
        sum("." in number for number in numbers) / (len(numbers) + 1),
        math.log1p(len(set(values))),
        mean,
        max(logs),
        math.sqrt(statistics.fmean([(log - mean) ** 2 for log in logs])),
        math.log1p(sum(not value.is_integer() for value in values)),
        math.log1p(sum(value > _LARGE for value in values)),
    ]


def _form(view: str) -> list[float]:
    end = view.rstrip()[-1:]
    return [
        float("def " in view or "import " in view or "{" in view),
        float(code_signs.has_fence(view)),
        float(view[:1].isupper()),
        float(end == "?"),
        float(end == "."),
        float(end == ":"),
        float(end.isdigit()),
        float("answer" in view[-40:].lower()),
        math.log1p(len(_CHOICE_MARK.findall(view))),
    ]


def _sentences(stem: str) -> list[float]:
    lengths = [len(part.split()) for part in _SENTENCE_END.split(stem) if part and not part.isspace()] or [0]
    return [
        math.log1p(len(lengths)),
        min(10.0, statistics.fmean(lengths) / 20),
        min(10.0, max(lengths) / 20),
        min(10.0, lengths[-1] / 20),
    ]


def _marks(view: str) -> list[int]:
    return [len(pattern.findall(view)) for pattern in _MARKS.values()]


def _years(numbers: Sequence[str]) -> int:
    return sum(_YEAR.fullmatch(number) is not None for number in numbers)


def _tokens(tokens: Tokens, words: int) -> list[float]:
    if not len(tokens.ids):
        return [0.0] * len(TOKEN_FEATURES)
    rarity = np.log1p(tokens.ids.astype(np.float32))
    weight = np.sqrt(np.einsum("ij,ij->i", tokens.vectors, tokens.vectors)) / 10
    mean = tokens.vectors.mean(0) / 10
    count = len(tokens.ids)
    return [
        float(rarity.mean()),
        float(rarity.std()),
        float(np.partition(rarity, (9 * count) // 10)[(9 * count) // 10]),
        *(np.count_nonzero(tokens.ids > least) / count for least in _RARE_TOKENS),
        min(10.0, count / max(1, words)),
        float(weight.mean()),
        float(weight.max()),
        float(weight.std()),
        float(math.sqrt(mean @ mean)),
    ]
