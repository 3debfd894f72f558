from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.domain import pattern_table
from learning.domain.assessment import Rules
from learning.domain.evidence import MICRO, Evidence
from learning.domain.pattern_table import Choice, Circumstances, Incumbent, Table
from tests.learning.domain.evidence_of import costing, evidence

MODELS = ("a", "b", "c")
ROUTABLE = frozenset(f"openai/{model}" for model in MODELS)


def decide(
    found: Iterable[Evidence],
    *,
    incumbent: Incumbent | None = None,
    routable: frozenset[str] = ROUTABLE,
    barred: Mapping[tuple[str, str], str] | None = None,
    frozen: Mapping[str, str] | None = None,
    **rules: Any,
) -> Table:
    return pattern_table.decide(
        found,
        incumbents={incumbent.pattern: incumbent} if incumbent else {},
        circumstances=Circumstances(routable, barred or {}, frozen or {}),
        rules=Rules(**rules),
    )


def choice(*args: Any, **kwargs: Any) -> Choice:
    table = decide(*args, **kwargs)
    assert len(table.choices) == 1
    return table.choices[0]


def chosen(*args: Any, **kwargs: Any) -> str | None:
    found = choice(*args, **kwargs).chosen
    return found.evidence.model if found else None


def why(table: Table) -> dict[str, str]:
    return {entry.assessment.evidence.model: entry.why for entry in table.skipped}


def incumbent(model: str = "a", confidence: str = "high") -> Incumbent:
    return Incumbent("code", "openai", model, confidence)


def test_ten_good_ratings_earn_the_pattern() -> None:
    found = choice([evidence([4] * 10)])

    assert found.has_changed
    assert found.chosen is not None
    assert (found.chosen.confidence, found.chosen.level) == ("high", "high")


def test_among_models_a_quarter_star_apart_the_cheapest_wins() -> None:
    # Means 5.0 and 4.75: exactly 0.25 apart.
    assert chosen([costing(900, [5] * 12), costing(100, [5] * 9 + [4] * 3, model="b")]) == "b"


def test_a_cheaper_model_further_from_the_best_does_not_win() -> None:
    # Means 5.0 and 4.7.
    table = decide([costing(900, [5] * 10), costing(100, [5] * 7 + [4] * 3, model="b")])

    assert table.choices[0].chosen is not None
    assert table.choices[0].chosen.evidence.model == "a"
    assert why(table) == {"b": "4.70 stars, more than 0.25 below the best model's 5.00"}


def test_the_best_quality_is_that_of_eligible_models_only() -> None:
    # Three five-star ratings are no measure for the others.
    table = decide([evidence([5] * 3, model="b"), evidence([4] * 10)])

    assert table.choices[0].chosen is not None
    assert table.choices[0].chosen.evidence.model == "a"
    assert why(table) == {"b": "too few ratings: 3, 5 are needed"}


def test_the_passed_over_equal_is_told_who_won() -> None:
    assert why(decide([costing(900, [5] * 10), costing(100, [5] * 10, model="b")])) == {
        "a": "openai/b is as good within 0.25 stars, and not dearer"
    }


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (costing(100, [5] * 10), costing(100, [5] * 9 + [4], model="b")),
        (costing(100, [5] * 11), costing(100, [5] * 10, model="b")),
        (costing(100, [5] * 10), costing(100, [5] * 10, model="b")),
    ],
    ids=["the better rated", "the more often rated", "the first by name"],
)
def test_equal_costs_go_to(first: Evidence, second: Evidence) -> None:
    assert chosen([second, first]) == "a"


def test_an_unknown_cost_loses_to_a_known_one() -> None:
    unknown = evidence([5] * 10, cost_count=0, cost_nano_usd=0, new_price_count=0, new_price_nano_usd=0)

    assert chosen([unknown, costing(10**9, [5] * 10, model="b")]) == "b"
    assert chosen([unknown]) == "a"


def test_poor_ratings_change_nothing() -> None:
    table = decide([evidence([2] * 20)])

    assert not table.choices[0].has_changed
    assert why(table) == {"a": "low quality: 2.00 stars, 3.50 are needed"}


def test_wrong_answers_change_nothing() -> None:
    table = decide([evidence([5] * 20, correct_count=10)])

    assert why(table) == {"a": "low correctness: 50%, 70% are needed"}


def test_scattered_ratings_are_too_variable() -> None:
    # Mean 3.8, sample deviation √3.2, divided by √5: 0.80 stars.
    assert why(decide([evidence([5, 5, 5, 3, 1])])) == {
        "a": "too variable: the mean is uncertain by 0.80 stars, at most 0.5 is allowed"
    }


def test_ratings_that_only_one_person_thinks_good_are_not_enough() -> None:
    # Thirty ratings of five stars by one person, one of two stars by each of nine others.
    found = evidence([5] * 30 + [2] * 9, distinct_users=10, voice_sum=(5 + 9 * 2) * MICRO, voice_weight=10)

    assert why(decide([found])) == {
        "a": "ratings disagree by user or age: 2.30 stars where every person counts once and recent ratings "
        "count more, 4.30 over all ratings"
    }


def test_an_override_claims_the_lower_confidence_of_both_means() -> None:
    found = choice([evidence([4] * 10, voice_sum=39 * MICRO, voice_weight=10)]).chosen

    assert found is not None
    assert (found.level, found.confidence) == ("high", "medium")


def test_too_few_people() -> None:
    table = decide([evidence([5] * 10, distinct_users=2)], min_distinct_users=3)

    assert why(table) == {"a": "rated by 2 people, 3 are needed"}


def test_a_model_that_may_not_be_chosen() -> None:
    assert why(decide([evidence([5] * 10)], routable=frozenset())) == {"a": "auto may not choose the model now"}


def test_what_staff_took_away_stays_away() -> None:
    table = decide([evidence([5] * 10)], barred={("code", "openai/a"): "revoked by ann: too slow"})

    assert table.choices[0].chosen is None
    assert why(table) == {"a": "revoked by ann: too slow"}


def test_parameters_hold_back_new_choices() -> None:
    found = [evidence([5] * 10)]

    assert why(decide(found, min_samples=11)) == {"a": "too few ratings for this run: 10, it asks for 11"}
    assert chosen(found, confidence_threshold=1.0) == "a"
    assert why(decide([evidence([5] * 9)], confidence_threshold=0.99)) == {
        "a": "confidence 0.980 is below this run's threshold of 0.99"
    }


def test_parameters_take_nothing_from_the_model_that_has_the_pattern() -> None:
    found = choice([evidence([5] * 10)], incumbent=incumbent(), min_samples=11, confidence_threshold=1.0)

    assert not found.has_changed
    assert found.chosen is not None


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ([evidence([3] * 10)], "low quality: 3.00 stars, 3.50 are needed"),
        ([evidence([5] * 4)], "too few ratings: 4, 5 are needed"),
        ([], "too few ratings within the window"),
    ],
)
def test_an_override_that_scores_low_is_revoked(found: list[Evidence], reason: str) -> None:
    revoked = choice(found, incumbent=incumbent())

    assert revoked.has_changed
    assert (revoked.chosen, revoked.reason) == (None, reason)


@pytest.mark.parametrize("found", [[evidence([5] * 10)], []])
def test_the_override_of_a_withdrawn_model_is_revoked(found: list[Evidence]) -> None:
    revoked = choice(found, incumbent=incumbent(), routable=frozenset({"openai/b"}))

    assert (revoked.chosen, revoked.reason) == (None, "auto may not choose the model now")


def test_an_override_whose_ratings_scatter_is_kept() -> None:
    kept = choice([evidence([5, 5, 5, 3, 1])], incumbent=incumbent(confidence="medium"))

    assert not kept.has_changed
    assert kept.chosen is not None


def test_a_new_confidence_is_a_change() -> None:
    assert choice([evidence([5] * 10)], incumbent=incumbent(confidence="medium")).has_changed


def test_a_frozen_pattern_stays_as_it_is() -> None:
    table = decide([evidence([1] * 50)], incumbent=incumbent(), frozen={"code": "frozen: too many ratings"})

    assert not table.choices[0].has_changed
    assert table.choices[0].is_frozen
    assert why(table) == {"a": "frozen: too many ratings"}


def test_patterns_are_decided_apart() -> None:
    table = decide([evidence([5] * 10, pattern="factual"), evidence([2] * 10, pattern="code")])

    assert [(found.pattern, found.chosen is not None) for found in table.choices] == [
        ("code", False),
        ("factual", True),
    ]


STARS = st.lists(st.integers(1, 5), min_size=1, max_size=30)
ENTRIES = st.lists(
    st.builds(
        costing, st.integers(0, 10), STARS, model=st.sampled_from(MODELS), pattern=st.sampled_from(("code", "factual"))
    ),
    max_size=6,
    unique_by=lambda entry: (entry.pattern, entry.model),
)


@given(ENTRIES, st.randoms(use_true_random=False))
def test_the_order_of_evidence_does_not_matter(found: list[Evidence], random: Any) -> None:
    shuffled = random.sample(found, len(found))

    assert decide(shuffled) == decide(found)


@given(ENTRIES)
def test_a_second_run_on_the_same_evidence_changes_nothing(found: list[Evidence]) -> None:
    first = decide(found)
    standing = {
        entry.pattern: Incumbent(
            entry.pattern, entry.chosen.evidence.provider, entry.chosen.evidence.model, entry.chosen.confidence
        )
        for entry in first.choices
        if entry.chosen is not None
    }
    second = pattern_table.decide(found, incumbents=standing, circumstances=Circumstances(ROUTABLE), rules=Rules())

    assert [entry.pattern for entry in second.choices if entry.has_changed] == []


@given(ENTRIES)
def test_a_pattern_is_only_given_to_a_model_that_earned_it(found: list[Evidence]) -> None:
    winners = [entry.chosen for entry in decide(found).choices if entry.chosen is not None]

    assert [
        winner
        for winner in winners
        if winner.confidence == "low" or winner.level == "low" or winner.evidence.sample_count < 5
    ] == []


@given(ENTRIES)
def test_every_model_is_chosen_or_skipped_with_a_reason(found: list[Evidence]) -> None:
    table = decide(found)
    winners = [entry.chosen.evidence for entry in table.choices if entry.chosen is not None]
    skipped = [entry.assessment.evidence for entry in table.skipped]

    assert {id(entry) for entry in [*winners, *skipped]} == {id(entry) for entry in found}
    assert [entry for entry in table.skipped if not entry.why] == []


@given(st.lists(st.integers(1, 5), min_size=10, max_size=30), st.integers(1, 20))
def test_more_poor_ratings_never_earn_what_fewer_did_not(stars: list[int], poor: int) -> None:
    # From ten ratings on, where their number alone raises no level any more.
    before = chosen([evidence(stars)])
    after = chosen([evidence(stars + [1] * poor, correct_count=len(stars))])

    assert (before, after) in {("a", "a"), ("a", None), (None, None)}
