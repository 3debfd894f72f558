"""What experiments do by themselves: they end when nothing more can be found out, and try what waits for it."""

from datetime import timedelta

import pytest

from experiments.models import Experiment, ExperimentNotice
from experiments.services import control, sweep
from jobs.services.runs import SomeFailed
from routing.domain import policy as policy_domain
from routing.models import LedgerEntry, PolicyVersion, TrafficSplit
from routing.selectors import policies as policy_selectors
from routing.services import policies
from tests import factories
from tests.experiments.settled_traffic import NOW, START, TWO_DAYS_LATER, ask, begin, half_the_cost, rate

pytestmark = pytest.mark.django_db


def on_trial(team=None, **parameters) -> PolicyVersion:
    policy = policies.publish(
        team=team, document=policy_domain.document(**parameters), source="staff", actor="ada", now=START
    )
    policies.put_on_trial(policy)
    return policy


def ids(experiments) -> list[int]:
    return [experiment.id for experiment in experiments]


def state_of(policy: PolicyVersion) -> str:
    return PolicyVersion.objects.get(version=policy.version).state


def test_experiment_with_a_winner_ends() -> None:
    experiment, undecided = begin(sample_size=100), begin(sample_size=100)
    half_the_cost(experiment)
    half_the_cost(undecided, users=30)

    assert ids(sweep.sweep(now=NOW)) == [experiment.id]

    ended, other = Experiment.objects.order_by("id")
    assert (ended.status, ended.winner, ended.ended_by) == ("completed", "test", "schedule")
    assert ended.end_reason == "cheaper_within_margins"
    assert (other.status, other.decision_status) == ("running", "insufficient_data")


def test_experiment_without_a_difference_ends_at_its_planned_size() -> None:
    experiment = begin(sample_size=100)
    ask(experiment, "control", 50, 100_000)
    ask(experiment, "test", 50, 100_000)

    sweep.sweep(now=NOW)

    assert (Experiment.objects.get().status, Experiment.objects.get().winner) == ("completed", None)


def test_experiment_that_harms_ends_early() -> None:
    experiment = begin(sample_size=1_000)
    ask(experiment, "control", 150, 200_000)
    ask(experiment, "test", 75, 100_000)
    ask(experiment, "test", 75, 100_000, first_user=75, state=LedgerEntry.State.FAILED)

    sweep.sweep(now=TWO_DAYS_LATER)

    ended = Experiment.objects.get()
    assert (ended.status, ended.decision_status, ended.reason_code) == (
        "completed",
        "guardrail_failed",
        "error_rate_worse",
    )


def test_wrong_split_ends_an_experiment() -> None:
    experiment = begin()
    ask(experiment, "control", 150, 200_000)
    ask(experiment, "test", 60, 100_000)

    sweep.sweep(now=NOW)

    assert (Experiment.objects.get().status, Experiment.objects.get().reason_code) == (
        "completed",
        "sample_ratio_mismatch",
    )


def test_planned_size_with_too_few_users_waits_for_more() -> None:
    experiment = begin(sample_size=30)
    half_the_cost(experiment, users=15)

    assert sweep.sweep(now=NOW) == []

    assert Experiment.objects.get().reason_code == "too_few_units"


def test_failure_of_one_experiment_does_not_stop_the_others() -> None:
    broken, experiment = begin(sample_size=100), begin(sample_size=100)
    half_the_cost(experiment)
    Experiment.objects.filter(id=broken.id).update(analysis_state={"schema": 99})

    with pytest.raises(SomeFailed, match=rf"^Failed for experiment {broken.id}: "):
        sweep.sweep(now=NOW)

    assert list(Experiment.objects.filter(status="completed").values_list("id", flat=True)) == [experiment.id]


def test_planned_size_is_noticed_within_a_minute() -> None:
    full, half, endless = begin(sample_size=100), begin(sample_size=100), begin()
    half_the_cost(full)
    half_the_cost(half, users=25)
    half_the_cost(endless)

    assert ids(sweep.keep_up(now=NOW)) == [full.id]

    assert list(Experiment.objects.order_by("id").values_list("analyses", flat=True)) == [2, 0, 0]
    # The results of the others wait for whoever asks: 50 and 100 of them.
    assert (half.results.count(), endless.results.count()) == (50, 100)


def test_full_experiment_that_is_not_decided_is_left_to_the_hourly_look() -> None:
    experiment = begin(sample_size=30)
    half_the_cost(experiment, users=15)

    sweep.keep_up(now=NOW)
    sweep.keep_up(now=NOW)

    assert Experiment.objects.get().analyses == 1


def test_ratings_are_kept_after_the_end() -> None:
    experiment = begin()
    entry = ask(experiment, "control", 1, 100)[0]
    control.complete(experiment, actor="ada", now=NOW)
    rate(entry, 2)

    sweep.sweep(now=NOW)

    assert experiment.results.get().quality_score == 2


def test_policy_on_trial_is_tried_against_what_routes() -> None:
    active = on_trial()
    policies.activate(active, kind="staff", actor="ada", reason="", now=START)
    policy = on_trial(tolerance=0.1)

    sweep.sweep(now=START)

    trial, split = Experiment.objects.get(), TrafficSplit.objects.get()
    assert (trial.control_strategy, trial.test_strategy) == (f"policy:{active.version}", f"policy:{policy.version}")
    assert (trial.is_trial, trial.on_winner, trial.team) == (True, "promote", None)
    assert (split.traffic_percent, split.is_running) == (20, True)
    assert ExperimentNotice.objects.get().kind == "trial_started"


def test_one_version_of_a_scope_is_tried_at_a_time() -> None:
    alone = factories.team(learns_alone=True)
    first, second, own = on_trial(), on_trial(tolerance=0.1), on_trial(alone)

    sweep.sweep(now=START)
    sweep.sweep(now=NOW)

    tried = set(Experiment.objects.values_list("team", "control_strategy", "test_strategy"))
    assert tried == {
        (None, "complexity", f"policy:{first.version}"),
        (alone.id, "complexity", f"policy:{own.version}"),
    }
    assert state_of(second) == "on_trial"


def ask_both(trial: Experiment, control_nano_usd: int, test_nano_usd: int) -> None:
    """Give a trial of all teams what it needs to be decided: 300 users of an arm, of whom half cost a little more."""
    team = factories.team()
    for more_nano_usd, first_user in ((0, 0), (5_000, 150)):
        ask(trial, "control", 150, control_nano_usd + more_nano_usd, team=team, first_user=first_user)
        ask(trial, "test", 150, test_nano_usd + more_nano_usd, team=team, first_user=first_user)


def test_trial_that_is_won_promotes_its_version() -> None:
    policy = on_trial()
    sweep.sweep(now=START)
    ask_both(Experiment.objects.get(), 200_000, 100_000)

    sweep.sweep(now=TWO_DAYS_LATER)

    assert Experiment.objects.get().winner == "test"
    assert (policy_selectors.active(None), state_of(policy)) == (policy, "active")


def test_trial_that_is_lost_rejects_its_version() -> None:
    policy = on_trial()
    sweep.sweep(now=START)
    ask_both(Experiment.objects.get(), 100_000, 200_000)

    sweep.sweep(now=TWO_DAYS_LATER)

    assert Experiment.objects.get().winner == "control"
    assert (policy_selectors.active(None), state_of(policy)) == (None, "rejected")


def test_winner_over_what_no_longer_routes_is_not_promoted() -> None:
    policy = on_trial()
    sweep.sweep(now=START)
    ask_both(Experiment.objects.get(), 200_000, 100_000)
    newer = on_trial(tolerance=0.1)
    policies.activate(newer, kind="staff", actor="ada", reason="", now=NOW)

    sweep.sweep(now=TWO_DAYS_LATER)

    assert (policy_selectors.active(None), state_of(policy)) == (newer, "rejected")
    assert "no longer routes" in ExperimentNotice.objects.get(kind="not_promoted").message


def test_trial_that_finds_nothing_is_given_up_after_four_weeks() -> None:
    policy = on_trial()
    sweep.sweep(now=START)

    sweep.sweep(now=START + timedelta(days=27))
    assert state_of(policy) == "on_trial"
    sweep.sweep(now=START + timedelta(days=28))

    assert (Experiment.objects.get().end_reason, state_of(policy)) == ("No winner after 28 days.", "rejected")


def test_trial_of_a_version_that_a_person_let_route_is_cancelled() -> None:
    policy = on_trial()
    sweep.sweep(now=START)
    policies.activate(policy, kind="staff", actor="ada", reason="", now=NOW)

    sweep.sweep(now=NOW)

    assert Experiment.objects.get().status == "cancelled"
    assert state_of(policy) == "active"


def test_version_whose_trial_a_person_cancels_is_rejected() -> None:
    policy = on_trial()
    sweep.sweep(now=START)

    control.cancel(Experiment.objects.get(), actor="ada", now=NOW)

    assert state_of(policy) == "rejected"


def test_version_that_cannot_be_loaded_is_left_waiting() -> None:
    policy = on_trial()
    PolicyVersion.objects.filter(version=policy.version).update(content_hash="0" * 64)

    sweep.sweep(now=START)

    assert (Experiment.objects.count(), state_of(policy)) == (0, "on_trial")
