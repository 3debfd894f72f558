"""Looks at an experiment: what is kept of them, and that each counts on those before."""

from datetime import timedelta

import pytest

from experiments.models import Experiment, ExperimentSnapshot
from experiments.services import analyses, control
from tests.experiments.settled_traffic import NOW, TWO_DAYS_LATER, ask, begin, half_the_cost, rate

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def looked_at(experiment, now=NOW):
    return analyses.refresh(experiment, now=now)


def test_half_the_cost_at_the_planned_size_wins() -> None:
    experiment = begin(sample_size=100)
    half_the_cost(experiment)

    found = looked_at(experiment)

    assert (found.decision_status, found.winner, found.reason_code) == ("winner", "test", "cheaper_within_margins")
    assert found.last_analysis["is_significant"] is True
    assert found.last_analysis["is_final"] is True
    # Nobody ends it by asking for its results.
    assert found.status == "running"


def test_forty_of_a_hundred_planned_requests_decide_nothing() -> None:
    experiment = begin(sample_size=100)
    ask(experiment, "control", 20, 100_000)
    ask(experiment, "test", 20, 110_000)

    found = looked_at(experiment)

    assert (found.decision_status, found.winner) == ("insufficient_data", None)
    assert found.last_analysis["progress"] == 0.4


def test_costs_that_are_not_known_are_not_free() -> None:
    experiment = begin(sample_size=100)
    ask(experiment, "control", 50, 200_000)
    ask(experiment, "test", 25, 200_000)
    ask(experiment, "test", 25, None, first_user=25)

    found = looked_at(experiment)

    assert (found.decision_status, found.reason_code, found.winner) == ("insufficient_data", "costs_unknown", None)
    assert "the cost of 50.0% of the requests in test is unknown" in found.explanation
    assert found.last_analysis["arms"]["test"]["cost_per_request_usd"] == pytest.approx(0.0002)


def test_look_goes_on_from_the_one_before() -> None:
    experiment = begin(sample_size=400)
    half_the_cost(experiment)
    first = looked_at(experiment, TWO_DAYS_LATER)
    ask(experiment, "control", 50, 200_000, first_user=50, created_at=TWO_DAYS_LATER)
    ask(experiment, "test", 50, 100_000, first_user=50, created_at=TWO_DAYS_LATER)

    second = looked_at(first, TWO_DAYS_LATER + MINUTE)

    # 100 and 200 of 400 requests.
    assert second.analysis_state["looks"] == [0.25, 0.5]
    assert second.analyses == 2


def test_without_news_the_last_analysis_stands() -> None:
    experiment = begin(sample_size=100)
    half_the_cost(experiment)
    first = looked_at(experiment)

    assert looked_at(first, NOW + MINUTE / 2).analyses == 1
    assert looked_at(first, NOW + MINUTE).analyses == 2


def test_rating_is_news() -> None:
    experiment = begin(sample_size=100)
    entry = ask(experiment, "control", 1, 100)[0]
    first = looked_at(experiment)
    rate(entry, 4)

    found = looked_at(first, NOW + MINUTE / 2)

    assert found.last_analysis["arms"]["control"]["mean_quality"] == 4


def test_of_two_looks_at_once_the_second_begins_anew() -> None:
    experiment = begin(sample_size=400)
    half_the_cost(experiment)
    stale = Experiment.objects.get()
    looked_at(experiment, TWO_DAYS_LATER)
    ask(experiment, "control", 20, 200_000, first_user=50, created_at=TWO_DAYS_LATER)

    found, analysis = analyses.look(stale, trigger="schedule", now=TWO_DAYS_LATER + MINUTE)

    assert analysis is not None
    # From the look that it did not know of: 100 and 120 of 400 requests.
    assert analysis.history["looks"] == [0.25, 0.3]
    assert found.analyses == 2


def test_path_is_kept_where_it_leads_on() -> None:
    experiment = begin(sample_size=1000)
    half_the_cost(experiment)
    experiment = looked_at(experiment)
    experiment = looked_at(experiment, NOW + MINUTE)
    ask(experiment, "control", 1, 200_000, first_user=50)
    looked_at(experiment, NOW + 2 * MINUTE)

    points = ExperimentSnapshot.objects.order_by("id")

    # The second look saw nothing new, the third a hundredth more.
    assert list(points.values_list("requests", "units", "trigger")) == [(100, 100, "request"), (101, 101, "request")]
    assert points[0].analysis["decision"]["reason_code"] == "too_early"


def test_experiment_that_has_ended_is_not_analyzed_again() -> None:
    experiment = begin(sample_size=100)
    half_the_cost(experiment)
    ended = control.complete(experiment, actor="ada", now=NOW)
    ask(experiment, "test", 5, 900_000, first_user=50)

    later = looked_at(ended, TWO_DAYS_LATER)
    stale = Experiment.objects.get(id=experiment.id)
    stale.status = Experiment.Status.RUNNING

    assert later.last_analysis["arms"]["test"]["requests"] == 50
    assert analyses.look(stale, trigger="schedule", now=TWO_DAYS_LATER)[1] is None
