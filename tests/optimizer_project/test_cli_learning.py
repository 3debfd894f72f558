import json
from collections.abc import Callable
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError

from learning.models import RetrainingRun
from learning.services import run_lock
from routing.models import PolicyVersion
from tests import factories
from tests.learning import rated_models
from tests.learning.rated_models import NOW, catalog, rate

pytestmark = pytest.mark.django_db
Run = Callable[..., str]


@pytest.fixture(autouse=True)
def at_one_in_the_afternoon():
    with time_machine.travel(NOW, tick=False):
        yield


def test_retrain_shows_what_would_change_and_writes_nothing(optimizer: Run) -> None:
    catalog()
    team = factories.team()
    rate(team, 10, cost_nano_usd=1_500)
    rate(team, 4, served_model="gpt-small", cost_nano_usd=100)

    shown = optimizer("retrain")

    # (10·1500 + 4·100) / 14 nano-dollars before.
    assert "code     set     -     openai/gpt-large  high        10       5.00   0.0000011 → 0.0000015" in shown
    assert "code     openai/gpt-small  low         4        5.00   too few ratings: 4, 5 are needed" in shown
    assert "This was a dry run: nothing was written. Add --apply to route by it." in shown
    assert RetrainingRun.objects.count() == 0


def test_retrain_applies_when_told(optimizer: Run) -> None:
    catalog()
    rate(factories.team(), 10)

    shown = optimizer("retrain", "--apply")

    run = RetrainingRun.objects.get()
    assert (run.trigger, run.actor) == ("command", "command line")
    assert f"Run {run.run_id} is in force: routing is by policy {run.policy_after_id} within a second." in shown
    assert "stays by policy" in optimizer("retrain", "--apply")


def test_retrain_takes_its_parameters_and_writes_json(optimizer: Run) -> None:
    catalog()
    rate(factories.team("alone", learns_alone=True), 10)

    found = json.loads(optimizer("retrain", "--team", "alone", "--min-samples", "11", "--json"))

    assert (found["dry_run"], found["candidates"], found["total_changes"]) == (True, 1, 0)
    assert "Nothing changes; 1 model with" in optimizer("retrain", "--team", "alone", "--min-samples", "11")


def test_retrain_is_a_command_of_its_own_as_well() -> None:
    catalog()
    rate(factories.team(), 10)
    output = StringIO()

    call_command("retrain", "--apply", stdout=output)

    assert "is in force" in output.getvalue()
    assert PolicyVersion.objects.count() == 1


def test_a_second_retraining_is_refused(optimizer: Run) -> None:
    run_lock.begin(team=None, trigger="schedule", actor="schedule", parameters={}, now=NOW)

    with pytest.raises(CommandError, match="is running"):
        optimizer("retrain", "--apply")


def test_a_team_that_shares_its_policy_cannot_be_retrained_alone(optimizer: Run) -> None:
    factories.team("sharing")

    with pytest.raises(CommandError, match="has no policy of its own"):
        optimizer("retrain", "--team", "sharing")


@pytest.mark.parametrize("threshold", ["1.1", "nan", "high"])
def test_a_threshold_lies_between_0_and_1(threshold: str, optimizer: Run) -> None:
    with pytest.raises(CommandError, match="number from 0 to 1"):
        optimizer("retrain", "--confidence-threshold", threshold)


def test_rollback_restores_a_policy(optimizer: Run) -> None:
    catalog()
    team = factories.team()
    rate(team, 10, cost_nano_usd=5_000)
    first = rated_models.retrain().policy_version
    rate(team, 10, served_model="gpt-small", cost_nano_usd=100)
    second = rated_models.retrain().policy_version

    assert f"Policy {first} routes again in place of policy {second}" in optimizer("rollback", str(first))
    with pytest.raises(CommandError, match="only a candidate or retired one"):
        optimizer("rollback", str(first))
    with pytest.raises(CommandError, match="There is no policy 999"):
        optimizer("rollback", "999")


def test_trends_are_shown_by_run(optimizer: Run) -> None:
    assert "No retraining has seen ratings of code yet" in optimizer("trends", "code")
    catalog()
    rate(factories.team(), 10, cost_nano_usd=1_500)
    rated_models.retrain()

    assert "2026-03-04 13:00  openai/gpt-large  5.0    1.0      10       high        0.0000015" in optimizer(
        "trends", "code"
    )
    assert json.loads(optimizer("trends", "code", "--json"))[0]["ratings"] == 10
