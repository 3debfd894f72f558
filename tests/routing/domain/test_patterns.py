import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.domain import patterns
from routing.domain.prompt import PATTERNS


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("Write a Python function that reverses a linked list", "code"),
        ("Fix this bug in my JavaScript", "code"),
        ("Please implement a rate limiter", "code"),
        ("```\nx = 1\n```\nwhat is wrong here?", "code"),
        ("def f(x):\n    return x\n\nwhat is wrong", "code"),
        ("Compare PostgreSQL and MySQL for analytics", "analysis"),
        ("Analyze the sentiment of this review: great!", "analysis"),
        ("What are the pros and cons of remote work?", "analysis"),
        ("Write a haiku about autumn", "creative"),
        ("Write me a story about a dragon who codes in Python", "creative"),
        ("Can you brainstorm names for a bakery?", "creative"),
        ("Explain what a load balancer does, in two short sentences", "explanation"),
        ("Could you please describe photosynthesis?", "explanation"),
        ("Why is the sky blue?", "explanation"),
        ("How does a transformer work?", "explanation"),
        ("What is the capital of France?", "factual"),
        ("Who wrote Hamlet?", "factual"),
        ("How many planets are there?", "factual"),
        ("When was the Eiffel Tower built?", "factual"),
        ("Prove that sqrt(2) is irrational", "reasoning"),
        ("Solve this puzzle step by step", "reasoning"),
        (
            "If a train leaves at 3pm at 60 mph and another at 4pm at 80 mph, when do they meet? Solve step by step.",
            "reasoning",
        ),
        ("Hello there", "general"),
        ("Translate to French: good morning", "general"),
        ("", "general"),
        ("\x00\ud800", "general"),
    ],
)
def test_prompt_has_the_pattern_of_its_request(text: str, pattern: str) -> None:
    assert patterns.classify(text) == pattern


def test_only_whole_words_count() -> None:
    # "poem", "prove" and "analyze" occur inside other words only.
    assert patterns.classify("poemlike improved reanalyzed") == "general"


def test_case_does_not_matter() -> None:
    assert patterns.classify("WRITE A HAIKU ABOUT AUTUMN") == "creative"


def test_repeating_a_word_is_no_more_evidence() -> None:
    # "Explain" names its pattern (3) and opens the request (3); "poem" named a hundred times still adds 3.
    assert patterns.classify("Explain this poem " + "poem " * 60) == "explanation"


def test_equal_evidence_goes_to_the_pattern_listed_first() -> None:
    # "python" and "poem" are worth 3 each; code stands before creative in the list.
    assert patterns.classify("poem python") == "code"
    assert patterns.classify("python poem") == "code"


def test_request_at_the_end_of_a_long_paste_is_found() -> None:
    paste = "lorem ipsum dolor " * 5_000
    assert patterns.classify(f"{paste}\nSolve the puzzle above step by step.") == "reasoning"


def test_prose_that_ends_no_line_like_code_is_not_code() -> None:
    assert patterns.classify("import taxes rose.\nclass sizes fell.\nlet us go.\nreturn tickets sold out.") == "general"


@given(st.text(alphabet=st.characters()))
def test_any_text_has_one_pattern_and_always_the_same(text: str) -> None:
    assert patterns.classify(text) in PATTERNS
    assert patterns.classify(text) == patterns.classify(text)
