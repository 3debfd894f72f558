"""How experiments end, and what a change of weights does to their analysis."""

import pytest

from experiments.domain.plan import InvalidPlan
from experiments.models import Experiment, ExperimentNotice, ExperimentSnapshot
from experiments.services import analyses, control
from experiments.services.control import ExperimentNotRunning
from routing.models import TrafficSplit
from tests.experiments.settled_traffic import NOW, TWO_DAYS_LATER, ask, begin, half_the_cost

pytestmark = pytest.mark.django_db


def test_completion_keeps_the_decision_and_frees_the_traffic() -> None:
    experiment = begin(sample_size=100)
    half_the_cost(experiment)

    ended = control.complete(experiment, actor="ada", reason="enough", now=NOW)

    stored = Experiment.objects.get()
    assert (stored.status, stored.winner, stored.ended_by, stored.end_reason) == ("completed", "test", "ada", "enough")
    assert (stored.ended_at, ended.is_running) == (NOW, False)
    assert TrafficSplit.objects.get().is_running is False
    last = ExperimentSnapshot.objects.get()
    assert (last.trigger, last.is_final, last.requests) == ("completion", True, 100)
    notice = ExperimentNotice.objects.get()
    assert notice.kind == "completed"
    assert notice.message.startswith("Test costs 50.0% less than control per request")


def test_early_completion_without_a_difference_says_so() -> None:
    experiment = begin(sample_size=10_000)
    ask(experiment, "control", 60, 200_000)
    ask(experiment, "test", 60, 200_000)

    ended = control.complete(experiment, actor="ada", now=TWO_DAYS_LATER)

    assert (ended.decision_status, ended.reason_code, ended.winner) == ("no_difference", "closed_early", None)


def test_cancellation_names_no_winner_whatever_the_data_say() -> None:
    experiment = begin(sample_size=100, on_winner="promote")
    half_the_cost(experiment)

    ended = control.cancel(experiment, actor="ada", reason="wrong prompt", now=NOW)

    assert (ended.status, ended.winner, ended.promoted_policy) == ("cancelled", None, None)
    assert list(ExperimentNotice.objects.values_list("kind", "message")) == [("cancelled", "wrong prompt")]
    assert TrafficSplit.objects.get().is_running is False


@pytest.mark.parametrize("end", [control.complete, control.cancel])
def test_ended_experiment_cannot_end_again(end) -> None:
    experiment = begin()
    stale = Experiment.objects.get()
    ended = control.complete(experiment, actor="ada", now=NOW)

    for known in (ended, stale):
        with pytest.raises(ExperimentNotRunning, match="Experiment is not running"):
            end(known, actor="bob", now=NOW)

    assert Experiment.objects.get().ended_by == "ada"


@pytest.mark.parametrize(
    "change",
    [
        lambda experiment: control.complete(experiment, actor="ada", now=TWO_DAYS_LATER),
        lambda experiment: control.change_weights(experiment, {"control": 0.8, "test": 0.2}, now=TWO_DAYS_LATER),
    ],
)
def test_changes_count_on_the_looks_that_were_taken_meanwhile(change) -> None:
    experiment = begin(sample_size=400)
    half_the_cost(experiment)
    stale = Experiment.objects.get()
    analyses.refresh(experiment, now=NOW)

    change(stale)

    assert Experiment.objects.get().analyses == 2
    assert ExperimentSnapshot.objects.count() == 2


def test_changed_weights_begin_the_analysis_anew() -> None:
    experiment = begin(sample_size=100)
    half_the_cost(experiment)

    changed = control.change_weights(experiment, {"control": 0.8, "test": 0.2}, now=TWO_DAYS_LATER)
    assert [arm["weight"] for arm in changed.arms] == [0.8, 0.2]
    ask(changed, "control", 8, 200_000, created_at=TWO_DAYS_LATER)
    found = analyses.refresh(changed, now=TWO_DAYS_LATER)

    assert (found.phase, found.phase_started_at, found.winner) == (2, TWO_DAYS_LATER, None)
    assert list(ExperimentSnapshot.objects.order_by("id").values_list("phase", "trigger", "requests")) == [
        (1, "phase", 100),
        (2, "request", 8),
    ]
    assert (TrafficSplit.objects.get().phase, TrafficSplit.objects.get().arms) == (2, found.arms)


@pytest.mark.parametrize("weights", [{"control": 0.5, "test": 0.6}, {"control": 0.5, "other": 0.5}, {"control": 1.0}])
def test_weights_that_do_not_fit_change_nothing(weights) -> None:
    experiment = begin()

    with pytest.raises(InvalidPlan):
        control.change_weights(experiment, weights, now=NOW)

    assert (Experiment.objects.get().phase, ExperimentSnapshot.objects.count()) == (1, 0)


def test_weights_of_an_ended_experiment_stay() -> None:
    ended = control.cancel(begin(), actor="ada", now=NOW)

    with pytest.raises(ExperimentNotRunning):
        control.change_weights(ended, {"control": 0.8, "test": 0.2}, now=NOW)
