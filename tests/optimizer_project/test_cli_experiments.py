import json
from collections.abc import Callable

import pytest
import time_machine
from django.core.management.base import CommandError

from experiments.models import Experiment
from routing.domain import policy as policy_domain
from routing.models import PolicyVersion
from routing.services import policies
from tests import factories
from tests.experiments.settled_traffic import NOW, START, begin, half_the_cost

pytestmark = pytest.mark.django_db
Run = Callable[..., str]


@pytest.fixture(autouse=True)
def an_hour_later():
    with time_machine.travel(NOW, tick=False):
        yield


def test_create_starts_an_experiment_and_says_what_it_asks_for(optimizer: Run) -> None:
    factories.team("builders")

    shown = optimizer(
        *("experiments", "create", "Cheaper?", "--control", "complexity", "--test", "hybrid"),
        *("--team", "builders", "--sample-size", "4000", "--traffic-percent", "20", "--min-effect", "0.2"),
    )

    experiment = Experiment.objects.get()
    assert (str(experiment.team), experiment.sample_size, experiment.created_by) == ("builders", 4000, "command line")
    assert (experiment.traffic_percent, experiment.min_effect, experiment.unit) == (20, 0.2, "user")
    assert f"Experiment {experiment.id} runs. It asks for:" in shown
    assert "cost_per_reference_cost" in shown


def test_list_shows_the_newest_first(optimizer: Run) -> None:
    team = factories.team("builders")
    begin(team, name="First")
    begin(team, name="Second")
    begin(name="Other team's")

    shown = optimizer("experiments", "list", "--team", "builders")
    found = json.loads(optimizer("experiments", "list", "--limit", "1", "--status", "running", "--json"))

    assert shown.index("Second") < shown.index("First")
    assert "Other" not in shown
    assert [row["name"] for row in found] == ["Other team's"]


def test_list_of_nothing_says_how_to_begin(optimizer: Run) -> None:
    assert "experiments create" in optimizer("experiments", "list")


def test_show_says_what_was_found(optimizer: Run) -> None:
    experiment = begin(sample_size=100)
    half_the_cost(experiment)

    shown = optimizer("experiments", "show", str(experiment.id))
    found = json.loads(optimizer("experiments", "show", str(experiment.id), "--json"))

    assert shown.startswith("Cheaper? (running): Test costs 50.0% less than control per request")
    assert "control  complexity  50        0.0002    100" in shown
    assert "cost_per_request  -50.0%  -50.0%  -50.0%  0" in shown
    assert (found["winner"], found["test_count"]) == ("test", 50)


def test_complete_cancel_and_promote(optimizer: Run) -> None:
    policy = policies.publish(team=None, document=policy_domain.document(), source="staff", actor="ada", now=START)
    won, dropped = begin(sample_size=100, test_strategy=f"policy:{policy.version}"), begin()
    half_the_cost(won)

    completed = optimizer("experiments", "complete", str(won.id), "--reason", "enough")
    cancelled = optimizer("experiments", "cancel", str(dropped.id))
    promoted = optimizer("experiments", "promote", str(won.id))

    assert completed.startswith(f"Experiment {won.id} is completed. Test costs 50.0% less")
    assert cancelled == f"Experiment {dropped.id} is cancelled.\n"
    assert promoted == f"Policy {policy.version} routes now, effective within a second.\n"
    assert PolicyVersion.objects.get().state == "active"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "999"), "There is no experiment 999"),
        (("complete", "999"), "experiments list"),
        (("create", "x", "--control", "hybrid", "--test", "hybrid"), "Both arms route alike"),
        (("create", "x", "--control", "hybrid", "--test", "policy:9"), "There is no policy 'policy:9'"),
        (("create", "x" * 201, "--control", "hybrid", "--test", "complexity"), "1 to 200 characters"),
        (("create", "x", "--control", "hybrid", "--test", "complexity", "--mode", "fixed"), "sample_size"),
        (("create", "x", "--control", "hybrid", "--test", "complexity", "--team", "none"), "There is no team 'none'"),
    ],
)
def test_refusals_say_why(optimizer: Run, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        optimizer("experiments", *arguments)


def test_ended_experiment_is_refused(optimizer: Run) -> None:
    experiment = begin()
    optimizer("experiments", "cancel", str(experiment.id))

    with pytest.raises(CommandError, match="Experiment is not running"):
        optimizer("experiments", "complete", str(experiment.id))
    with pytest.raises(CommandError, match="The experiment is cancelled"):
        optimizer("experiments", "promote", str(experiment.id))
