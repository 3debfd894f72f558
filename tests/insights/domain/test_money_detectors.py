"""Detectors whose findings are about money."""

from dataclasses import replace
from datetime import timedelta
from statistics import NormalDist
from typing import Any

import pytest

from insights.domain.finding import ActionKind, Severity
from insights.domain.observations import LatencyChange, ModelDay, RepeatedPrompt, TokenLimit
from tests.insights.domain.windows import CHEAP, DEAR, MONDAY, NEXT_MONDAY, OFFERED, USD, found, rated, traffic, window

GOOD = [rated(DEAR, *[4] * 10), rated(CHEAP, *[4] * 10)]


def test_a_cheaper_model_that_is_rated_alike_is_suggested() -> None:
    (finding,) = found("overpowered_model", window(traffic=(traffic(),), ratings=tuple(GOOD), offered=OFFERED))
    # $16 less $1.40 at the cheap model's price, in seven days; times 30 / 7, rounded down.
    assert finding.savings.nano_usd == 62_571_428_571
    assert finding.evidence["cheaper_model_cost_nano_usd"] == 1_400_000_000
    assert finding.suggestion.action is not None
    assert finding.suggestion.action.as_json() == {
        "kind": "route_pattern",
        "parameters": {"pattern": "code", "model": CHEAP},
    }
    # More than a quarter of the spend, but less than $100.
    assert finding.severity is Severity.HIGH
    # Each mean has variance (0 + 2 x 1) / (10 + 2) / 10 = 1/60; a margin of 0.25 stars.
    assert finding.confidence == pytest.approx(NormalDist().cdf(0.25 / (1 / 30) ** 0.5))


@pytest.mark.parametrize(
    "ratings",
    [
        [GOOD[0]],
        [GOOD[1]],
        [GOOD[0], rated(CHEAP, *[4] * 4)],
        # Four stars less a quarter is 3.75; eight threes and two fives are 3.4.
        [GOOD[0], rated(CHEAP, *[3] * 8, 5, 5)],
        [rated(DEAR, *[5] * 10), GOOD[1]],
        [GOOD[0], rated(CHEAP, *[4] * 10, judged=10, correct=6)],
    ],
)
def test_a_model_without_proof_is_not_suggested(ratings: list[Any]) -> None:
    assert found("overpowered_model", window(traffic=(traffic(),), ratings=tuple(ratings), offered=OFFERED)) == []


def test_a_saving_of_less_than_a_dollar_a_month_is_not_suggested() -> None:
    # $0.016 a week.
    tiny = traffic(input_tokens=1000, output_tokens=200, cost_nano_usd=USD * 16 // 1000)
    assert found("overpowered_model", window(traffic=(tiny,), ratings=tuple(GOOD), offered=OFFERED)) == []


def test_a_model_asked_for_by_name_is_left_to_the_caller() -> None:
    named = window(traffic=(traffic(is_routed=False),), ratings=tuple(GOOD), offered=OFFERED)
    (finding,) = found("overpowered_model", named)
    assert finding.suggestion.action is None
    assert "ask for `auto`" in finding.suggestion.text


def test_a_pattern_that_is_already_routed_there_is_not_suggested_again() -> None:
    routed = window(traffic=(traffic(),), ratings=tuple(GOOD), offered=OFFERED, overrides=(("code", CHEAP),))
    assert found("overpowered_model", routed) == []


LATENCIES = (LatencyChange(DEAR, 500, 900.0, 500, 900.0), LatencyChange(CHEAP, 500, 400.0, 500, 400.0))


def test_a_model_beaten_in_every_respect_is_dominated() -> None:
    seen = window(traffic=(traffic(),), ratings=tuple(GOOD), offered=OFFERED, latencies=LATENCIES)
    (finding,) = found("dominated_model", seen)
    assert finding.subject == {"model": DEAR}
    assert finding.evidence["better_model"] == CHEAP
    assert finding.savings.nano_usd == 62_571_428_571
    assert finding.suggestion.action is not None
    assert finding.suggestion.action.kind is ActionKind.EXCLUDE_MODEL
    # Equal means: as likely one way as the other.
    assert finding.confidence == pytest.approx(0.5)


@pytest.mark.parametrize(
    "change",
    [
        {"latencies": ()},
        {"latencies": (LATENCIES[0], replace(LATENCIES[1], p95_ms=901.0))},
        {"ratings": (GOOD[0], rated(CHEAP, *[4] * 9, 3))},
        {"ratings": (GOOD[0], rated(CHEAP, *[4] * 9))},
        # Rated on 1,000 of 2,000 requests only.
        {"traffic": (traffic(), traffic(pattern="general"))},
    ],
)
def test_a_model_that_is_better_in_anything_or_unknown_is_not_dominated(change: dict[str, Any]) -> None:
    seen = window(traffic=(traffic(),), ratings=tuple(GOOD), offered=OFFERED, latencies=LATENCIES)
    assert found("dominated_model", replace(seen, **change)) == []


def test_repeated_prompts_are_one_finding_with_the_most_expensive_shown() -> None:
    prompts = tuple(RepeatedPrompt(f"{n:02}", DEAR, 11, 10, n * USD // 10) for n in range(1, 11))
    (finding,) = found("duplicate_prompts", window(traffic=(traffic(),), repeated_prompts=prompts))
    # 0.1 + 0.2 + ... + 1.0 = $5.50 a week; times 30 / 7.
    assert finding.savings.nano_usd == 23_571_428_571
    assert finding.evidence["repeats"] == 100
    assert [each["prompt_fingerprint"] for each in finding.evidence["most_expensive"]] == ["10", "09", "08", "07", "06"]
    assert finding.suggestion.action is not None
    assert finding.suggestion.action.kind is ActionKind.ENABLE_RESPONSE_CACHE


@pytest.mark.parametrize(
    ("week", "spend", "severity"),
    [
        # Shares of 25, 10 and 3 in 100 of the spend, and at least $100, $10 and $2 a month.
        (100 * USD, 399 * USD, Severity.CRITICAL),
        (20 * USD, 80 * USD, Severity.HIGH),
        (100 * USD, 1_001 * USD, Severity.MEDIUM),
        (2 * USD, 2 * USD, Severity.MEDIUM),
        (2 * USD, 67 * USD, Severity.LOW),
        (USD // 4, USD, Severity.LOW),
    ],
)
def test_a_saving_is_as_severe_as_its_share_and_its_sum_allow(week: int, spend: int, severity: Severity) -> None:
    prompts = (RepeatedPrompt("aa", DEAR, 11, 10, week),)
    (finding,) = found("duplicate_prompts", window(traffic=(traffic(cost_nano_usd=spend),), repeated_prompts=prompts))
    assert finding.severity is severity


def test_repeats_that_go_past_a_cache_have_nothing_to_apply() -> None:
    prompts = (RepeatedPrompt("aa", DEAR, 11, 10, 5 * USD),)
    (finding,) = found("duplicate_prompts", window(repeated_prompts=prompts, is_cache_on=True))
    assert finding.suggestion.action is None


def days(first: int, last: int, cost_nano_usd: int, model: str = DEAR) -> tuple[ModelDay, ...]:
    """Return days counted from the window's first, which is 0."""
    return tuple(ModelDay(MONDAY + timedelta(days=n), model, 100, cost_nano_usd) for n in range(first, last + 1))


def test_twice_the_usual_spend_is_a_spike() -> None:
    (finding,) = found("spend_spike", window(days=days(-28, -1, USD) + days(0, 6, 2 * USD)))
    # $2 instead of $1 a day, for 30 days.
    assert finding.savings.nano_usd == 30 * USD
    # 2 / 1.5 times the limit.
    assert finding.severity is Severity.MEDIUM
    assert finding.suggestion.action is not None
    # $30 a month as usual, times 1.5.
    assert finding.suggestion.action.parameters == {"period": "month", "limit_nano_usd": 45 * USD}
    # Four weeks of $7 each, with the least spread of a tenth: (14 - 7) / 0.7 = 10 deviations.
    assert finding.confidence == pytest.approx(1.0)


@pytest.mark.parametrize(("cost", "count"), [(1_499_999_999, 0), (1_500_000_000, 1)])
def test_a_spike_begins_at_one_and_a_half_times_the_mean(cost: int, count: int) -> None:
    assert len(found("spend_spike", window(days=days(-28, -1, USD) + days(0, 6, cost)))) == count


@pytest.mark.parametrize("before", [(), days(-13, -1, USD), days(-60, -29, USD)])
def test_a_team_without_two_weeks_of_history_has_no_spike(before: tuple[Any, ...]) -> None:
    assert found("spend_spike", window(days=before + days(0, 6, 20 * USD))) == []


def test_a_spike_names_who_grew() -> None:
    before = days(-28, -1, USD) + days(-28, -1, USD, CHEAP)
    (finding,) = found("spend_spike", window(days=before + days(0, 6, USD) + days(0, 6, 5 * USD, CHEAP)))
    assert finding.evidence["grown_most"][0] == {
        "model": CHEAP,
        "cost_a_day_before_nano_usd": USD,
        "cost_a_day_nano_usd": 5 * USD,
    }


LIMIT = TokenLimit(DEAR, "code", 4096, 1000, 200, 290, 0, 90 * USD, 16 * USD)


def test_a_limit_far_above_what_answers_need_is_oversized() -> None:
    (finding,) = found("oversized_max_tokens", window(token_limits=(LIMIT,)))
    assert finding.suggestion.action is not None
    # 1.5 x 200 = 300 is above the longest answer, 290; the next multiple of 64 is 320.
    assert finding.suggestion.action.parameters["max_tokens"] == 320
    # Ten answers are above the 99th percentile: 10 / 15.
    assert finding.confidence == pytest.approx(2 / 3)
    # 4096 / 200 is 5.12 times the limit of four.
    assert finding.severity is Severity.MEDIUM
    assert finding.savings.nano_usd is None


def test_a_suggested_limit_cuts_off_no_answer_seen() -> None:
    (finding,) = found("oversized_max_tokens", window(token_limits=(replace(LIMIT, most_output_tokens=1500),)))
    assert finding.suggestion.action is not None
    # 1500 / 64 = 23.4: 24 x 64.
    assert finding.suggestion.action.parameters["max_tokens"] == 1536


@pytest.mark.parametrize(
    "change",
    [{"max_tokens": 799}, {"truncated_requests": 11}, {"requests": 19}, {"most_output_tokens": 4096}],
)
def test_a_limit_that_is_needed_is_not_oversized(change: dict[str, Any]) -> None:
    assert found("oversized_max_tokens", window(token_limits=(replace(LIMIT, **change),))) == []


@pytest.mark.parametrize(("unpriced", "severity"), [(1, Severity.HIGH), (100, Severity.CRITICAL)])
def test_one_unpriced_request_is_enough(unpriced: int, severity: Severity) -> None:
    seen = window(traffic=(traffic(unpriced_requests=unpriced), traffic(CHEAP, requests=0)))
    (finding,) = found("unpriced_traffic", seen)
    assert finding.severity is severity
    assert finding.evidence["unpriced_requests"] == unpriced
    assert finding.savings.nano_usd is None


def test_a_window_needs_a_day() -> None:
    with pytest.raises(ValueError, match="needs a day at least; 2026-03-09 to 2026-03-09 has none"):
        replace(window(), starts_on=NEXT_MONDAY)
