"""When a look is due, and what is kept from one to the next."""

import numpy as np
import pytest

from experiments.domain import fixed, group_sequential, history, sequential
from experiments.domain.history import History
from experiments.domain.units import ArmData
from tests.experiments.domain.arms import look, plan, varied


def test_experiment_without_a_size_is_looked_at_at_any_time() -> None:
    assert history.next_look(plan(), History(), 3) == (sequential.Anytime(0.05), ())


def test_look_is_due_after_each_hundredth_of_the_planned_size() -> None:
    experiment = plan(sample_size=1000)
    rule, looks = history.next_look(experiment, History(), 10)
    assert (rule, looks) == (group_sequential.Look(0.05, (0.01,)), (0.01,))
    assert history.next_look(experiment, History(looks), 19) == (None, (0.01,))
    assert history.next_look(experiment, History(looks), 20)[1] == (0.01, 0.02)


def test_last_look_is_at_the_planned_size_however_much_is_over() -> None:
    experiment = plan(sample_size=1000)
    assert history.next_look(experiment, History((0.9,)), 995) == (None, (0.9,))
    assert history.next_look(experiment, History((0.9,)), 1500)[1] == (0.9, 1.0)
    assert history.next_look(experiment, History((0.9, 1.0)), 2000) == (None, (0.9, 1.0))


def test_fixed_experiment_has_one_look() -> None:
    experiment = plan(sample_size=1000, mode="fixed")
    assert history.next_look(experiment, History(), 999) == (None, ())
    assert history.next_look(experiment, History(), 1000) == (fixed.OneLook(0.05), (1.0,))
    assert history.next_look(experiment, History((1.0,)), 1200) == (None, (1.0,))


def test_state_can_be_read_back() -> None:
    found = look(plan(sample_size=3000), varied(100, quality=0.8), varied(100, quality=0.8, seed=2))
    assert history.parse(found.history).as_json() == found.history


def test_looks_before_the_minima_hold_are_not_taken() -> None:
    found = look(plan(sample_size=1000), varied(10), varied(10, seed=2))
    assert not found.is_new_look
    assert found.history["looks"] == []
    assert found.history["records"] == []


def test_between_looks_the_results_of_the_last_one_stand() -> None:
    experiment = plan(sample_size=10_000)
    first = look(experiment, varied(200), varied(200, seed=2))
    other = look(experiment, varied(202, 0.002), varied(202, seed=2), state=first.history)
    assert first.is_new_look
    assert not other.is_new_look
    assert other.p_value == first.p_value
    assert other.comparisons[0].interval == first.comparisons[0].interval
    assert other.comparisons[0].change != first.comparisons[0].change
    assert other.history["records"] == first.history["records"]


def test_cost_found_at_an_early_look_stays_found_while_guardrails_wait() -> None:
    early = look(plan(), varied(100), varied(100, 0.0005, seed=2))
    later = look(plan(), varied(100), varied(100, 0.00075, seed=2), state=early.history)
    assert early.p_value is not None
    assert later.p_value == early.p_value
    assert later.is_significant


def test_winner_needs_the_interval_of_the_last_look_as_well() -> None:
    early = look(plan(), varied(100), varied(100, 0.0005, seed=2))
    gone = look(plan(), varied(100), varied(100, seed=2), state=early.history)
    assert gone.is_significant
    assert gone.decision.winner is None


def test_state_of_an_experiment_survives_a_unit_that_is_counted_late() -> None:
    arms = varied(100), varied(100, seed=2)
    first = look(plan(), *arms)
    idle = ArmData(np.append(arms[1].requests, 0), np.append(arms[1].cost_usd, 0))
    assert look(plan(), arms[0], idle, state=first.history).health.units == {"control": 100, "test": 101}


@pytest.mark.parametrize("document", [{}, {"schema": 1}, {"schema": "1"}])
def test_document_that_is_no_state_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(history.InvalidHistory):
        history.parse(document)
