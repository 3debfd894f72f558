"""What kind of request a prompt is, from its words.

Only whole, case-folded words count, so "scoring" is not "scor" and "assess" is not "ass". The instruction usually
opens or closes a prompt, so words are looked up in its first and last words only, while signs of code are looked for
in the whole window. Every step is one linear pass over a bounded window: hostile text costs no more than any other.
"""

from collections.abc import Mapping
from itertools import pairwise

from routing.domain import text_reading
from routing.domain.prompt import PATTERNS
from routing.domain.text_reading import TextReading

_FIRST_WORDS = 80
_LAST_WORDS = 40

# A pattern needs this much evidence; below it a prompt is "general".
_THRESHOLD = 2
# Added for the word or phrase that opens the request: "Explain ..." asks for an explanation whatever follows.
_OPENING_BONUS = 3
_FENCE_EVIDENCE = 5
_CODE_LINES_EVIDENCE = 4
_CODE_LINE_EVIDENCE = 3

# Words that may stand before the one that opens the request.
_COURTESIES = frozenset(
    word
    for words in (
        "a an and can could do hello help hey hi i in kindly like me need now ok please s so the then to us want we",
        "will would you your",
    )
    for word in words.split()
)

_NAMES_THE_PATTERN = 3
# Evidence by word: 3 names the pattern, 2 points to it, 1 only supports it. A phrase is two words.
_WORDS: Mapping[str, Mapping[int, str]] = {
    "code": {
        3: "python javascript typescript java kotlin rust golang php ruby sql html css bash regex regexp refactor "
        "debug dockerfile kubernetes unittest pytest traceback stacktrace compile compiler codebase",
        2: "code coding function functions script scripts method methods bug bugs api endpoint algorithm "
        "program programming implement snippet query loop array exception syntax django react json yaml git "
        "subprocess recursion decorator",
        1: "class test tests tested string integer variable library module database postgresql sqlite error parse "
        "server client deploy",
    },
    "analysis": {
        3: "analyze analyse analysis analyzing compare comparison evaluate evaluation assess assessment critique "
        "swot tradeoff tradeoffs",
        2: "review pros cons implications trends insights interpret examine contrast strengths weaknesses sentiment "
        "impact investigate diagnose",
        1: "data risks benefits market report metrics advantages disadvantages options",
    },
    "creative": {
        3: "poem story stories haiku limerick lyrics fiction novel sonnet fairytale screenplay slogan tagline",
        2: "creative imagine song joke character plot verse brainstorm invent rhyme rhyming dialogue fantasy "
        "metaphor tale tales narrative",
        1: "write compose dragon funny name names title titles style",
    },
    "explanation": {
        3: "explain explains explaining explanation eli5",
        2: "describe why understand teach clarify elaborate overview tutorial introduction meaning",
        1: "how concept concepts works beginner example examples difference",
    },
    "factual": {
        3: "capital population birthplace",
        2: "who when where define definition",
        1: "what which year date country city president founded invented located largest tallest longest name",
    },
    "reasoning": {
        3: "prove proof theorem derive puzzle riddle lemma contradiction",
        2: "solve calculate compute deduce infer logic logical logically equation probability integral derivative "
        "reason reasoning induction puzzles",
        1: "if then therefore assume suppose math total sum",
    },
}
_PHRASES: Mapping[str, Mapping[int, str]] = {
    "code": {3: "unit test,unit tests,pull request,stack trace,source code", 2: "data structure,data structures"},
    "analysis": {3: "trade off,trade offs,root cause", 2: "and cons"},
    "creative": {3: "short story,once upon,blog post,make up"},
    "explanation": {3: "how does,how do,how is,why is,why does,why do,difference between,walk me", 2: "how to"},
    "factual": {
        3: "how many,how much,how old,how far,how tall,how long,who is,who was,who wrote,when did,when was,where is",
        2: "what is,what are,what was,what year,which country,which city",
    },
    "reasoning": {3: "step by,how fast,prove that,show that", 2: "find x,x y"},
}
# Openings that outweigh whatever the prompt is about.
_OPENINGS: Mapping[str, str] = {
    "code": "implement refactor debug code program",
    "analysis": "analyze analyse compare evaluate assess review critique",
    "creative": "imagine brainstorm compose invent",
    "explanation": "explain describe why how teach clarify",
    "factual": "who when where define",
    "reasoning": "prove solve derive calculate compute deduce",
}


def _evidence(table: Mapping[str, Mapping[int, str]], separator: str | None) -> dict[str, tuple[tuple[str, int], ...]]:
    found: dict[str, list[tuple[str, int]]] = {}
    for pattern, by_weight in table.items():
        for weight, entries in by_weight.items():
            for entry in entries.split(separator):
                found.setdefault(entry, []).append((pattern, weight))
    return {entry: tuple(pairs) for entry, pairs in found.items()}


_EVIDENCE_OF_WORD = _evidence(_WORDS, None)
_EVIDENCE_OF_PHRASE = _evidence(_PHRASES, ",")
_PATTERN_OF_OPENING = {word: pattern for pattern, words in _OPENINGS.items() for word in words.split()}


def classify(text: str) -> str:
    """Name the pattern of a prompt, one of ``prompt.PATTERNS``.

    The pattern with the most evidence wins; equal evidence goes to the one that comes first in ``prompt.PATTERNS``
    (code, analysis, creative, explanation, factual, reasoning), and too little of it makes the prompt "general".
    """
    return classify_reading(text_reading.read(text))


def classify_reading(reading: TextReading) -> str:
    """Do the same with a text that has been read."""
    scores = dict.fromkeys(PATTERNS, 0)
    _add_words(scores, reading.words)
    _add_code_signs(scores, reading)
    best = max(PATTERNS, key=scores.__getitem__)
    return best if scores[best] >= _THRESHOLD else "general"


def _add_words(scores: dict[str, int], words: list[str]) -> None:
    if len(words) > _FIRST_WORDS + _LAST_WORDS:
        words = words[:_FIRST_WORDS] + words[-_LAST_WORDS:]
    # Each word counts once: repeating it a thousand times is no more evidence.
    for word in _EVIDENCE_OF_WORD.keys() & set(words):
        for pattern, weight in _EVIDENCE_OF_WORD[word]:
            scores[pattern] += weight
    pairs = {f"{first} {second}" for first, second in pairwise(words)}
    for phrase in _EVIDENCE_OF_PHRASE.keys() & pairs:
        for pattern, weight in _EVIDENCE_OF_PHRASE[phrase]:
            scores[pattern] += weight
    if pattern_of_opening := _opening(words):
        scores[pattern_of_opening] += _OPENING_BONUS


def _opening(words: list[str]) -> str | None:
    """Name the pattern that the first words ask for; a telling phrase such as "how many" goes before its first word."""
    start = next((index for index, word in enumerate(words[:12]) if word not in _COURTESIES), 0)
    phrase = " ".join(words[start : start + 2])
    for pattern, weight in _EVIDENCE_OF_PHRASE.get(phrase, ()):
        if weight == _NAMES_THE_PATTERN:
            return pattern
    return _PATTERN_OF_OPENING.get("".join(words[start : start + 1]))


def _add_code_signs(scores: dict[str, int], reading: TextReading) -> None:
    if reading.has_fence:
        scores["code"] += _FENCE_EVIDENCE
    if reading.code_lines:
        scores["code"] += _CODE_LINE_EVIDENCE if reading.code_lines == 1 else _CODE_LINES_EVIDENCE
