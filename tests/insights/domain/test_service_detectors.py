"""Detectors whose findings are about quality, reliability, speed and evidence."""

from dataclasses import replace
from datetime import timedelta
from statistics import NormalDist
from typing import Any

import pytest

from insights.domain.finding import ActionKind, Category, Severity
from insights.domain.observations import FirstChoice, LatencyChange, ModelPattern, Ratings, RunningExperiment
from tests.insights.domain.windows import CHEAP, DEAR, MONDAY, NEXT_MONDAY, OFFERED, USD, found, rated, traffic, window


def test_five_poor_ratings_are_a_finding() -> None:
    (finding,) = found("low_quality_model", window(traffic=(traffic(),), ratings=(rated(DEAR, 3, 3, 3, 3, 3),)))
    assert finding.category is Category.QUALITY
    # Half a star of the two and a half down to one.
    assert finding.severity is Severity.MEDIUM
    # The mean's variance is (0 + 2) / (5 + 2) / 5 = 2/35.
    assert finding.confidence == pytest.approx(NormalDist().cdf(0.5 / (2 / 35) ** 0.5))
    assert finding.suggestion.action is None


@pytest.mark.parametrize(
    "ratings",
    [
        rated(DEAR, 1, 1, 1, 1),
        rated(DEAR, 3, 4, 3, 4),
        # The mean is 3.5 exactly.
        rated(DEAR, 3, 4, 3, 4, 3, 4),
        rated(DEAR, *[5] * 10, judged=10, correct=7),
        rated(DEAR, *[5] * 10, judged=4, correct=0),
        rated(CHEAP, 1, 1, 1, 1, 1),
        rated(DEAR, 1, 1, 1, 1, 1, pattern="creative"),
    ],
)
def test_good_few_and_unused_ratings_are_none(ratings: Ratings) -> None:
    assert found("low_quality_model", window(traffic=(traffic(),), ratings=(ratings,))) == []


def test_wrong_answers_count_against_many_stars() -> None:
    ratings = rated(DEAR, *[5] * 10, judged=10, correct=4)
    (finding,) = found("low_quality_model", window(traffic=(traffic(),), ratings=(ratings,)))
    # 1 - 0.4 / 0.7 = 0.43 of the way down.
    assert finding.severity is Severity.HIGH
    # Six wrong of ten against three allowed: (6 + 2) / (10 + 4) = 4/7, with variance 4/7 x 3/7 / 14.
    z = (4 / 7 - 0.3) / (4 / 7 * 3 / 7 / 14) ** 0.5
    assert finding.confidence == pytest.approx(NormalDist().cdf(z))


def test_a_poor_model_is_replaced_by_the_best_rated_one() -> None:
    ratings = (rated(DEAR, *[1] * 5), rated(CHEAP, *[4] * 5))
    (finding,) = found("low_quality_model", window(traffic=(traffic(),), ratings=ratings, offered=OFFERED))
    assert finding.severity is Severity.CRITICAL
    assert finding.suggestion.action is not None
    assert finding.suggestion.action.parameters == {"pattern": "code", "model": CHEAP}


def test_a_poor_model_asked_for_by_name_is_left_to_the_caller() -> None:
    ratings = (rated(DEAR, *[1] * 5), rated(CHEAP, *[4] * 5))
    seen = window(traffic=(traffic(is_routed=False),), ratings=ratings, offered=OFFERED)
    (finding,) = found("low_quality_model", seen)
    assert finding.suggestion.action is None
    assert finding.suggestion.text == f"These requests name {DEAR}; {CHEAP} is rated better. Ask for it, or for `auto`."


@pytest.mark.parametrize(
    ("failovers", "count"),
    [(5, 0), (6, 1)],
)
def test_failing_over_begins_above_one_in_twenty(failovers: int, count: int) -> None:
    assert len(found("failover_spike", window(first_choices=(FirstChoice(DEAR, 100, failovers),)))) == count


def test_a_failing_model_can_be_taken_out() -> None:
    (finding,) = found("failover_spike", window(first_choices=(FirstChoice(DEAR, 200, 40, ("r1",)),)))
    # 20 % are four times the limit.
    assert finding.severity is Severity.CRITICAL
    assert finding.evidence["share"] == 0.2
    assert finding.evidence["example_request_ids"] == ["r1"]
    assert finding.suggestion.action is not None
    assert finding.suggestion.action.as_json() == {"kind": "exclude_model", "parameters": {"model": DEAR}}


@pytest.mark.parametrize(
    ("change", "count"),
    [
        (LatencyChange(DEAR, 400, 2000.0, 400, 1000.0), 1),
        (LatencyChange(DEAR, 400, 1999.0, 400, 1000.0), 0),
        (LatencyChange(DEAR, 19, 2000.0, 400, 1000.0), 0),
        (LatencyChange(DEAR, 400, 2000.0, 19, 1000.0), 0),
        (LatencyChange(DEAR, 400, 2000.0, 400, 0.0), 0),
    ],
)
def test_twice_the_latency_is_a_regression(change: LatencyChange, count: int) -> None:
    assert len(found("latency_regression", window(latencies=(change,)))) == count


def test_a_percentile_of_few_requests_is_little_trusted() -> None:
    changes = (LatencyChange(DEAR, 20, 2000.0, 900, 1000.0), LatencyChange(CHEAP, 900, 8000.0, 900, 1000.0))
    few, many = found("latency_regression", window(latencies=changes))
    # One request is above the percentile of twenty, 45 above that of nine hundred: 1 / 6 and 45 / 50.
    assert [few.confidence, many.confidence] == pytest.approx([1 / 6, 0.9])
    assert (few.severity, many.severity) == (Severity.MEDIUM, Severity.CRITICAL)


@pytest.mark.parametrize(("rated_requests", "count"), [(0, 1), (9, 1), (10, 0)])
def test_less_than_one_rating_in_a_hundred_is_a_gap(rated_requests: int, count: int) -> None:
    assert len(found("feedback_gap", window(traffic=(traffic(rated_requests=rated_requests),)))) == count


def test_models_of_a_pattern_share_its_ratings() -> None:
    parts = (traffic(requests=900, rated_requests=0), traffic(CHEAP, requests=100, rated_requests=10))
    assert found("feedback_gap", window(traffic=parts)) == []


def test_a_gap_matters_where_the_money_is() -> None:
    parts = (traffic(pattern="code"), traffic(pattern="creative", cost_nano_usd=USD))
    severities = {each.subject["pattern"]: each.severity for each in found("feedback_gap", window(traffic=parts))}
    # 1 of 17 dollars is less than a fifth.
    assert severities == {"code": Severity.MEDIUM, "creative": Severity.LOW}


def test_few_requests_are_no_gap() -> None:
    assert found("feedback_gap", window(traffic=(traffic(requests=199),))) == []


EXPERIMENT = RunningExperiment(7, "Small for code", MONDAY, NEXT_MONDAY, 500, 1000, is_decided=False)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"is_decided": True, "winner": "test"}, "decided"),
        ({"last_request_on": MONDAY - timedelta(days=1)}, "no_traffic"),
        ({"started_on": MONDAY - timedelta(days=1), "last_request_on": None}, "no_traffic"),
        # 29 days until the window's end.
        ({"started_on": MONDAY - timedelta(days=22)}, "too_long"),
    ],
)
def test_an_experiment_is_stale_for_a_reason(change: dict[str, Any], reason: str) -> None:
    (finding,) = found("stale_experiment", window(experiments=(replace(EXPERIMENT, **change),)))
    assert finding.evidence["reason"] == reason
    assert finding.suggestion.action is not None
    assert finding.suggestion.action.kind is ActionKind.COMPLETE_EXPERIMENT
    assert finding.suggestion.action.parameters == {"experiment_id": 7}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"last_request_on": MONDAY},
        {"started_on": MONDAY, "last_request_on": None},
        {"started_on": MONDAY - timedelta(days=21)},
    ],
)
def test_a_young_experiment_with_traffic_is_not_stale(change: dict[str, Any]) -> None:
    assert found("stale_experiment", window(experiments=(replace(EXPERIMENT, **change),))) == []


@pytest.mark.parametrize(
    ("part", "count"),
    [
        (traffic(low_confidence_requests=300), 1),
        (traffic(low_confidence_requests=299), 0),
        (traffic(low_confidence_requests=19, requests=19), 0),
        (traffic(low_confidence_requests=900, is_routed=False), 0),
    ],
)
def test_three_in_ten_decisions_of_low_confidence_are_a_finding(part: ModelPattern, count: int) -> None:
    assert len(found("low_confidence_traffic", window(traffic=(part,)))) == count


def test_low_confidence_asks_for_an_experiment() -> None:
    (finding,) = found("low_confidence_traffic", window(traffic=(traffic(low_confidence_requests=600),)))
    assert finding.severity is Severity.HIGH
    assert finding.suggestion.action is not None
    assert finding.suggestion.action.parameters == {"control_strategy": "complexity", "test_strategy": "hybrid"}
