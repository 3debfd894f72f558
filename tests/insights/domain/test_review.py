"""What holds of every review, whatever the figures."""

import json
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from insights.domain.observations import (
    FirstChoice,
    LatencyChange,
    ModelDay,
    ModelPattern,
    Observations,
    OfferedModel,
    Ratings,
    RepeatedPrompt,
    RunningExperiment,
    TokenLimit,
)
from insights.domain.review import DETECTORS, compare, review
from tests.insights.domain.windows import CHEAP, DEAR, MONDAY, NEXT_MONDAY, OFFERED, USD, rated, traffic, window

MODELS = (DEAR, CHEAP, "other/medium")
PATTERNS = ("code", "general")
SEEDS = st.integers(0, 2**32 - 1)


def build(kind: Any, *values: Any) -> Any:
    """Make an observation of values that come in groups."""
    return kind(*values)


def any_window(seed: int) -> Observations:
    """Return a window of random figures, in and out of proportion: one number to draw is quicker than hundreds."""
    rng = random.Random(seed)

    def counts(number: int) -> Any:
        return [rng.choice((0, 1, rng.randrange(40), rng.randrange(5000))) for _ in range(number)]

    def money() -> int:
        return rng.choice((0, 1, rng.randrange(500 * USD)))

    def some(values: Iterable[Any]) -> list[Any]:
        return [value for value in values if rng.random() < 0.7]

    def day(back: int) -> date:
        return NEXT_MONDAY - timedelta(days=rng.randrange(1, back))

    pairs = tuple(product(MODELS, PATTERNS))
    return Observations(
        MONDAY,
        MONDAY + timedelta(days=rng.choice((1, 7))),
        traffic=tuple(
            build(ModelPattern, *pair, is_routed, *counts(3), money(), *counts(3), ("r1",))
            for pair, is_routed in some(product(pairs, (False, True)))
        ),
        days=tuple(
            build(ModelDay, MONDAY + timedelta(days=n), model, *counts(1), money())
            for n, model in some(product(range(-30, 7), MODELS))
        ),
        first_choices=tuple(
            FirstChoice(model, served + failed, failed) for model in some(MODELS) for served, failed in [counts(2)]
        ),
        latencies=tuple(
            build(LatencyChange, model, *counts(1), rng.random() * 1e4, *counts(1), rng.random() * 1e4)
            for model in some(MODELS)
        ),
        ratings=tuple(any_ratings(rng, *pair) for pair in some(pairs)),
        offered=tuple(OfferedModel(model, money(), money()) for model in some(MODELS)),
        repeated_prompts=tuple(build(RepeatedPrompt, mark, DEAR, *counts(2), money()) for mark in some("abcdefg")),
        token_limits=tuple(build(TokenLimit, *pair, *counts(5), money(), money()) for pair in some(pairs)),
        experiments=tuple(
            RunningExperiment(number, "Trial", day(60), day(60), 9, None, is_decided=rng.random() < 0.3)
            for number in some(range(4))
        ),
        overrides=tuple(some([("code", CHEAP), ("general", DEAR)])),
        is_cache_on=rng.random() < 0.5,
    )


def any_ratings(rng: random.Random, model: str, pattern: str) -> Ratings:
    """Return ratings whose sums belong together."""
    stars = rng.choices(range(1, 6), k=rng.randrange(30))
    judged = rng.randint(0, len(stars))
    return rated(model, *stars, pattern=pattern, judged=judged, correct=rng.randint(0, judged))


PARTS = (
    "traffic",
    "days",
    "first_choices",
    "latencies",
    "ratings",
    "offered",
    "repeated_prompts",
    "token_limits",
    "experiments",
    "overrides",
)


@settings(max_examples=60)
@given(SEEDS)
def test_figures_in_any_order_give_the_same_sound_findings(seed: int) -> None:
    seen = any_window(seed)
    findings = review(seen)
    turned: dict[str, Any] = {name: getattr(seen, name)[::-1] for name in PARTS}
    assert review(replace(seen, **turned)) == findings
    assert len({finding.fingerprint for finding in findings}) == len(findings)
    for finding in findings:
        shown = json.loads(json.dumps(finding.as_json(), allow_nan=False))
        assert shown["fingerprint"] == finding.fingerprint
        assert finding.finding_type in DETECTORS
        assert 0 <= finding.confidence <= 1
        assert finding.savings.nano_usd is None or finding.savings.nano_usd >= USD
        assert finding.savings.assumption
        assert finding.suggestion.text
        assert len(finding.title) <= 200


@settings(max_examples=30)
@given(st.integers(16, 500), st.integers(0, 500))
def test_a_dearer_model_is_never_less_worth_replacing(cost: int, more: int) -> None:
    rest = {"ratings": (rated(DEAR, *[4] * 9), rated(CHEAP, *[4] * 9)), "offered": OFFERED}
    (less,) = review(window(traffic=(traffic(cost_nano_usd=cost * USD, rated_requests=99),), **rest))
    (greater,) = review(window(traffic=(traffic(cost_nano_usd=(cost + more) * USD, rated_requests=99),), **rest))
    assert (greater.savings.nano_usd or 0) >= (less.savings.nano_usd or 0)
    assert greater.fingerprint == less.fingerprint


def test_there_are_twelve_detectors_and_none_finds_anything_in_no_traffic() -> None:
    assert len(DETECTORS) == 12
    assert review(window()) == ()


def test_clean_traffic_has_no_findings() -> None:
    seen = window(
        traffic=(traffic(CHEAP, cost_nano_usd=1_400_000_000, rated_requests=50, low_confidence_requests=20),),
        ratings=(rated(CHEAP, *[4] * 30, *[5] * 20, judged=50, correct=47),),
        offered=OFFERED,
        first_choices=(FirstChoice(CHEAP, 1000, 4),),
        latencies=(LatencyChange(CHEAP, 1000, 810.0, 950, 790.0),),
        days=tuple(ModelDay(MONDAY + timedelta(days=n), CHEAP, 140, 200_000_000) for n in range(-28, 7)),
        token_limits=(TokenLimit(CHEAP, "code", 1024, 1000, 400, 900, 0, 2 * USD, USD),),
        experiments=(RunningExperiment(1, "New", MONDAY, NEXT_MONDAY, 100, 1000, is_decided=False),),
    )
    assert review(seen) == ()


def test_the_severest_and_most_valuable_come_first() -> None:
    unpriced = replace(traffic("other/medium", cost_nano_usd=0, unpriced_requests=1), rated_requests=99)
    seen = window(
        traffic=(traffic(low_confidence_requests=700), unpriced),
        ratings=(rated(DEAR, *[4] * 10), rated(CHEAP, *[4] * 10)),
        offered=OFFERED,
        repeated_prompts=(RepeatedPrompt("aa", DEAR, 11, 10, 5 * USD),),
    )
    # $62.57 and $21.43 a month of $68.57; then one unpriced request of 2,000, and 35 % low
    # confidence where 30 % are allowed.
    assert [(finding.finding_type, finding.severity.value) for finding in review(seen)] == [
        ("overpowered_model", "high"),
        ("duplicate_prompts", "high"),
        ("unpriced_traffic", "high"),
        ("low_confidence_traffic", "medium"),
    ]


def test_a_review_tells_new_known_resolved_and_expired_findings_apart() -> None:
    found = review(window(traffic=(traffic(unpriced_requests=1), traffic(CHEAP, unpriced_requests=1))))
    unpriced = sorted(each.fingerprint for each in found if each.finding_type == "unpriced_traffic")
    others = {each.fingerprint for each in found} - set(unpriced)
    known = {unpriced[0]: MONDAY, "gone": NEXT_MONDAY - timedelta(days=30), "old": NEXT_MONDAY - timedelta(days=31)}
    standing = compare(known, found, NEXT_MONDAY)
    assert standing.new == {unpriced[1], *others}
    assert standing.again == {unpriced[0]}
    assert standing.resolved == {"gone"}
    assert standing.expired == {"old"}
