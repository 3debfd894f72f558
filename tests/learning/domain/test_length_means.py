"""Lengths of answers, learned from sums of tokens."""

from hypothesis import given
from hypothesis import strategies as st

from learning.domain import length_means
from learning.domain.length_means import LengthSum
from routing.domain import output_lengths
from routing.domain.output_lengths import LEAST_TOKENS, MOST_TOKENS

TERSE, VERBOSE = "openai/terse", "openai/verbose"

sums = st.builds(
    LengthSum,
    model=st.sampled_from([TERSE, VERBOSE, "other/model"]),
    pattern=st.sampled_from([None, "code", "general"]),
    task=st.sampled_from([None, "summary", "mail"]),
    ended=st.integers(0, 10**7),
    tokens=st.integers(0, 10**12),
)


def test_nothing_is_learned_from_no_answer() -> None:
    assert length_means.learn([]) is None
    assert length_means.learn([LengthSum(TERSE, "code", None, ended=0, tokens=4_000)]) is None


def test_one_answer_moves_what_is_expected_by_a_sixth() -> None:
    found = length_means.learn([LengthSum(TERSE, "code", None, ended=1, tokens=900)])
    assert found is not None
    # All: (900 + 5 * 300) / 6 = 400. The model, drawn towards all: (900 + 5 * 400) / 6 = 483.
    assert found.overall.typical == 400
    assert found.overall.of(TERSE) == 483
    assert found.overall.of("never/seen") == 400


def test_many_answers_are_believed_by_model_and_kind() -> None:
    found = length_means.learn(
        [
            LengthSum(TERSE, "code", "fix", ended=10_000, tokens=4_000_000),
            LengthSum(VERBOSE, "code", "fix", ended=10_000, tokens=40_000_000),
            LengthSum(TERSE, "general", None, ended=10_000, tokens=1_000_000),
        ]
    )
    assert found is not None
    assert found.of_kind(task="fix", pattern="general").models == {TERSE: 400, VERBOSE: 4_000}
    assert found.of_kind(task="unknown", pattern="code").of(TERSE) == 400
    # The verbose model was never seen there. The terse one is 0.4 times as long there as over all, 100 tokens to 250:
    # (1,000,000 + 5 * 1,500) / (10,000 * 250.3 + 5 * 1,500) = 0.401, times 3,999.
    assert found.of_kind(task=None, pattern="general").models == {TERSE: 100, VERBOSE: 1_605}
    assert found.of_kind(task=None, pattern="creative") == found.overall


def test_a_model_that_gets_the_long_kinds_does_not_look_longer_on_the_others() -> None:
    found = length_means.learn(
        [
            LengthSum(TERSE, "code", None, ended=1_000, tokens=1_000_000),
            LengthSum(TERSE, "general", None, ended=1_000, tokens=100_000),
            LengthSum(VERBOSE, "code", None, ended=1_000, tokens=1_000_000),
        ]
    )
    assert found is not None
    # Both write 1,000 tokens of code; over all, the terse model looks half as long.
    assert found.of_kind(task=None, pattern="code").models == {TERSE: 999, VERBOSE: 1_001}
    assert found.of_kind(task=None, pattern="general").of(VERBOSE) < 200


def test_answers_cut_at_a_limit_do_not_make_a_model_look_brief() -> None:
    whole = length_means.learn([LengthSum(TERSE, None, None, ended=1_000, tokens=500_000)])
    # Half of them cut when half as long: 500 whole ones of 500 tokens, and 500 times 250.
    cut = length_means.learn([LengthSum(TERSE, None, None, ended=500, tokens=375_000)])
    assert whole is not None
    assert cut is not None
    assert (whole.overall.of(TERSE), cut.overall.of(TERSE)) == (500, 750)


def test_of_many_tasks_those_with_most_answers_are_kept() -> None:
    found = length_means.learn([LengthSum(TERSE, None, f"task-{n}", ended=n, tokens=n) for n in range(1, 61)])
    assert found is not None
    assert len(found.tasks) == 50
    assert "task-10" not in found.tasks
    assert "task-11" in found.tasks


@given(st.lists(sums, max_size=6))
def test_lengths_are_whole_tokens_within_bounds_and_survive_their_document(found: list[LengthSum]) -> None:
    learned = length_means.learn(found)
    assert length_means.learn(reversed(found)) == learned
    kinds = [] if learned is None else [learned.overall, *learned.patterns.values(), *learned.tasks.values()]
    tokens = [length for kind in kinds for length in (kind.typical, *kind.models.values())]
    assert all(isinstance(length, int) and LEAST_TOKENS <= length <= MOST_TOKENS for length in tokens)
    assert learned is None or output_lengths.parse(output_lengths.document(learned)) == learned


@given(st.integers(1, 10**6), st.integers(0, 10**9), st.integers(1, 10**9))
def test_more_tokens_never_shorten_what_is_expected(ended: int, tokens: int, more: int) -> None:
    less = length_means.learn([LengthSum(TERSE, "code", None, ended, tokens)])
    longer = length_means.learn([LengthSum(TERSE, "code", None, ended, tokens + more)])
    assert less is not None
    assert longer is not None
    assert longer.patterns["code"].of(TERSE) >= less.patterns["code"].of(TERSE)
