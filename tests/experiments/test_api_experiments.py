"""Experiments over HTTP: the contract's fields and codes, and whose experiments they are."""

import pytest
import time_machine
from django.test import Client

from experiments.models import Experiment
from routing.domain import policy as policy_domain
from routing.services import policies
from tests import factories
from tests.experiments.settled_traffic import COMPLEXITY_AGAINST_HYBRID, NOW, START, ask, begin, half_the_cost, rate

pytestmark = pytest.mark.django_db

PATH = "/experiments"
GUARDRAIL = {"metric": "quality", "margin": 0.05}


@pytest.fixture(autouse=True)
def an_hour_later():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def team():
    return factories.team("builders")


@pytest.fixture
def admin_api(team):
    return key_client(team, "admin")


@pytest.fixture
def staff(client):
    client.force_login(factories.staff("ada", role="operator"))
    return client


def key_client(team, *scopes):
    _, secret = factories.api_key(team, scopes=list(scopes))
    return Client(headers=factories.bearer(secret))


def post(client, path=PATH, **body):
    return client.post(path, body, content_type="application/json")


def create(client, path=PATH, **body):
    return post(client, path, **{**COMPLEXITY_AGAINST_HYBRID, **body})


@pytest.mark.parametrize("path", [PATH, PATH + "/", PATH + "/start", PATH + "/start/"])
def test_experiment_is_started(path, team, admin_api) -> None:
    answer = create(admin_api, path, sample_size=100, description="Is hybrid cheaper?")

    assert answer.status_code == 200
    found, stored = answer.json(), Experiment.objects.get()
    assert (found["id"], found["status"], found["name"]) == (stored.id, "running", "Cheaper?")
    assert (found["control_strategy"], found["test_strategy"]) == ("complexity", "hybrid")
    assert (found["sample_size"], found["mode"], found["team"]) == (100, "group_sequential", "builders")
    assert found["created_by"].startswith("key ")
    assert found["started_at"] == "2026-03-04T13:00:00Z"
    assert (stored.team, stored.unit, stored.traffic_percent) == (team, "user", 0)


def test_creation_tells_what_each_metric_asks_for(admin_api) -> None:
    required = create(admin_api, guardrails=[GUARDRAIL]).json()["requirements"]

    assert [one["metric"] for one in required] == ["cost_per_reference_cost", "quality", "latency", "error_rate"]
    assert all(one["units_per_arm"] >= 20 and one["requests"] > 0 for one in required)


def test_every_field_of_the_design_is_taken(admin_api) -> None:
    found = create(
        admin_api,
        assignment_unit="session",
        traffic_percent=12.5,
        namespace="prices",
        weights={"control": 0.9, "test": 0.1},
        primary_metric={"denominator": "requests", "min_effect": 0.2},
        guardrails=[GUARDRAIL],
        analysis={"mode": "sequential", "alpha": 0.01, "power": 0.9, "tau": 0.3, "minima": {"hours": 2}},
        on_winner="promote",
    ).json()

    assert (found["assignment_unit"], found["traffic_percent"], found["namespace"]) == ("session", 12.5, "prices")
    assert [arm["weight"] for arm in found["arms"]] == [0.9, 0.1]
    assert (found["denominator"], found["min_effect"], found["guardrails"]) == ("requests", 0.2, [GUARDRAIL])
    assert (found["mode"], found["alpha"], found["power"], found["tau"]) == ("sequential", 0.01, 0.9, 0.3)
    assert found["minima"] == {"requests": 100, "units": 20, "effective_units": 10.0, "hours": 2}
    assert found["on_winner"] == "promote"


@pytest.mark.parametrize("allocation", [0.25, {"control": 0.75, "test": 0.25}])
def test_allocation_is_the_share_of_test_or_both_weights(allocation, admin_api) -> None:
    arms = create(admin_api, allocation=allocation, min_effect=0.3).json()["arms"]

    assert [arm["weight"] for arm in arms] == [0.75, 0.25]
    assert Experiment.objects.get().min_effect == 0.3


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"name": ""}, ["body", "name"]),
        ({"name": "x" * 201}, ["body", "name"]),
        ({"name": 5}, ["body", "name"]),
        ({"name": None}, ["body", "name"]),
        ({"test_strategy": "complexity"}, ["body", "test_strategy"]),
        ({"control_strategy": "cheapest"}, ["body", "control_strategy"]),
        ({"control_strategy": "policy:7"}, ["body", "control_strategy"]),
        ({"sample_size": 0}, ["body"]),
        ({"sample_size": -5}, ["body"]),
        ({"sample_size": 10**15}, ["body"]),
        ({"sample_size": 1.5}, ["body", "sample_size"]),
        ({"sample_size": "100"}, ["body", "sample_size"]),
        ({"sample_size": True}, ["body", "sample_size"]),
        ({"weights": {"control": 0.5, "test": 0.6}}, ["body"]),
        ({"weights": {"control": 0.5}}, ["body", "weights", "test"]),
        ({"weights": {"control": "NaN", "test": 0.5}}, ["body", "weights", "control"]),
        ({"allocation": 1.5}, ["body"]),
        ({"allocation": "half"}, ["body", "allocation"]),
        ({"weights": {"control": 0.5, "test": 0.5}, "allocation": 0.5}, ["body", "allocation"]),
        ({"min_effect": 0}, ["body"]),
        ({"min_effect": 0.1, "primary_metric": {"min_effect": 0.1}}, ["body", "min_effect"]),
        ({"primary_metric": {"denominator": "tokens"}}, ["body", "primary_metric", "denominator"]),
        ({"guardrails": [{"metric": "mood", "margin": 0.1}]}, ["body", "guardrails", 0, "metric"]),
        ({"guardrails": [{"metric": "quality", "margin": -0.1}]}, ["body"]),
        ({"guardrails": [GUARDRAIL, GUARDRAIL]}, ["body"]),
        ({"analysis": {"alpha": 2}}, ["body"]),
        ({"analysis": {"mode": "bayes"}}, ["body", "analysis", "mode"]),
        ({"traffic_percent": 101}, ["body", "traffic_percent"]),
        ({"namespace": "prices"}, ["body"]),
        ({"on_winner": "celebrate"}, ["body", "on_winner"]),
        ({"sampel_size": 100}, ["body", "sampel_size"]),
    ],
    ids=str,
)
def test_bad_input_is_answered_422_and_says_where(body, loc, admin_api) -> None:
    answer = create(admin_api, **body)

    assert answer.status_code == 422
    issue = answer.json()["detail"][0]
    assert (issue["loc"], bool(issue["msg"])) == (loc, True)
    assert Experiment.objects.count() == 0


def test_nan_is_no_json(admin_api) -> None:
    body = '{"name": "x", "control_strategy": "complexity", "test_strategy": "hybrid", "min_effect": NaN}'

    assert admin_api.post(PATH, body, content_type="application/json").status_code == 400


def test_namespace_without_room_is_a_conflict(admin_api) -> None:
    create(admin_api, namespace="prices", traffic_percent=80)

    answer = create(admin_api, namespace="prices", traffic_percent=30)

    assert (answer.status_code, answer.json()["detail"].startswith("No 30%")) == (409, True)


def test_experiments_are_listed_newest_first(team, admin_api) -> None:
    first, second = begin(team), begin(team, name="Second")
    begin()
    key = key_client(team)
    post(admin_api, f"{PATH}/{first.id}/cancel")

    assert [one["id"] for one in key.get(PATH).json()] == [second.id, first.id]
    assert [one["id"] for one in key.get(PATH + "?status=cancelled").json()] == [first.id]
    assert [one["id"] for one in key.get(PATH + "/?limit=1").json()] == [second.id]
    assert key.get(PATH + "?status=lost").status_code == 422
    assert key.get(PATH + "?limit=0").status_code == 422


def test_results_of_half_the_cost_name_the_winner(team, admin_api) -> None:
    experiment = begin(team, sample_size=100)
    half_the_cost(experiment)

    found = key_client(team).get(f"{PATH}/{experiment.id}/results").json()

    assert (found["experiment_id"], found["status"]) == (experiment.id, "running")
    assert (found["control_count"], found["test_count"]) == (50, 50)
    assert (found["control_avg_cost"], found["test_avg_cost"]) == (pytest.approx(0.0002), pytest.approx(0.0001))
    assert (found["control_avg_latency"], found["test_avg_latency"]) == (100, 100)
    assert (found["control_avg_quality"], found["test_avg_quality"]) == (None, None)
    assert (found["p_value"], found["is_significant"], found["winner"]) == (0, True, "test")
    assert (found["confidence_level"], found["is_final"], found["progress"]) == (0.95, True, 1)
    assert found["decision"]["status"] == "winner"
    assert found["explanation"].startswith("Test costs 50.0% less than control per request")
    assert found["comparisons"][0]["relative_change"] == pytest.approx(-0.5)
    assert found["savings_usd"][0]["estimate_usd"] == pytest.approx(0.005)
    assert found["health"]["units"] == {"control": 50, "test": 50}
    assert {one["state"] for one in found["guardrails"]} == {"passed", "not_measured"}


def test_results_of_forty_of_a_hundred_name_none(team, admin_api) -> None:
    experiment = begin(team, sample_size=100)
    ask(experiment, "control", 20, 100_000)
    ask(experiment, "test", 20, 110_000)

    found = admin_api.get(f"{PATH}/{experiment.id}/results/").json()

    assert (found["winner"], found["is_significant"], found["is_final"]) == (None, False, False)
    assert (found["decision"]["status"], found["progress"]) == ("insufficient_data", 0.4)


def test_results_of_nothing_are_empty_and_finite(team, admin_api) -> None:
    experiment = begin(team)

    found = admin_api.get(f"{PATH}/{experiment.id}/results").json()

    assert (found["control_count"], found["test_count"], found["winner"]) == (0, 0, None)
    assert (found["control_avg_cost"], found["p_value"], found["comparisons"]) == (None, None, [])


def test_ratings_and_measured_latencies_are_in_the_results(team, admin_api) -> None:
    experiment = begin(team)
    entries = ask(experiment, "control", 3, 100, latency_ms=20)
    for entry, stars in zip(entries, (5, 4), strict=False):
        rate(entry, stars)

    found = admin_api.get(f"{PATH}/{experiment.id}/results").json()

    assert (found["control_avg_quality"], found["control_avg_latency"]) == (4.5, 20)


def test_completion_ends_the_experiment_and_a_second_one_conflicts(team, admin_api) -> None:
    experiment = begin(team, sample_size=100)
    half_the_cost(experiment)
    path = f"{PATH}/{experiment.id}"

    ended = post(admin_api, path + "/complete", reason="enough").json()

    assert (ended["status"], ended["winner"], ended["end_reason"]) == ("completed", "test", "enough")
    assert admin_api.get(path).json()["status"] == "completed"
    assert admin_api.get(path + "/results").json()["winner"] == "test"
    for action in ("complete", "cancel"):
        again = post(admin_api, f"{path}/{action}/")
        assert (again.status_code, again.json()) == (409, {"detail": "Experiment is not running"})
    assert post(admin_api, path + "/weights", weights={"control": 0.9, "test": 0.1}).status_code == 409


def test_an_action_needs_no_body(team, admin_api) -> None:
    experiment = begin(team)

    answer = admin_api.generic("POST", f"{PATH}/{experiment.id}/cancel")

    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")


def test_winner_is_promoted(team, admin_api) -> None:
    policy = policies.publish(team=None, document=policy_domain.document(), source="staff", actor="ada", now=START)
    experiment = begin(team, sample_size=100, test_strategy=f"policy:{policy.version}")
    half_the_cost(experiment)
    path = f"{PATH}/{experiment.id}"

    early = post(admin_api, path + "/promote")
    post(admin_api, path + "/complete")
    promoted = post(admin_api, path + "/promote", reason="cheaper")

    assert (early.status_code, early.json()["detail"]) == (
        409,
        "The experiment is running: only one that was completed has an outcome.",
    )
    assert (promoted.status_code, promoted.json()["promoted_policy"]) == (200, policy.version)
    assert post(admin_api, path + "/promote", arm="third").status_code == 422


def test_changed_weights_begin_a_phase(team, admin_api) -> None:
    experiment = begin(team)
    path = f"{PATH}/{experiment.id}/weights"

    found = post(admin_api, path, weights={"control": 0.8, "test": 0.2}).json()

    assert (found["phase"], [arm["weight"] for arm in found["arms"]]) == (2, [0.8, 0.2])
    assert post(admin_api, path, weights={"control": 0.8, "test": 0.8}).status_code == 422
    assert post(admin_api, path).status_code == 422


@pytest.mark.parametrize("tail", ["", "/results"])
def test_experiments_of_other_teams_do_not_exist(tail, team, admin_api) -> None:
    foreign, of_all = begin(), begin()
    Experiment.objects.filter(id=of_all.id).update(team=None)

    for experiment in (foreign, of_all):
        answer = admin_api.get(f"{PATH}/{experiment.id}{tail}")
        assert (answer.status_code, answer.json()) == (404, {"detail": "Experiment not found"})
    assert admin_api.get(f"{PATH}/999999{tail}").status_code == 404


@pytest.mark.parametrize("action", ["complete", "cancel", "promote", "weights"])
def test_control_is_for_admin_keys_of_the_team(action, team, admin_api) -> None:
    own, foreign = begin(team), begin()
    body = {"weights": {"control": 0.9, "test": 0.1}} if action == "weights" else {}

    assert post(Client(), f"{PATH}/{own.id}/{action}", **body).status_code == 401
    assert post(key_client(team), f"{PATH}/{own.id}/{action}", **body).status_code == 403
    assert post(admin_api, f"{PATH}/{foreign.id}/{action}", **body).status_code == 404
    assert set(Experiment.objects.values_list("status", "phase")) == {("running", 1)}


def test_starting_one_is_for_admin_keys(team) -> None:
    assert create(Client()).status_code == 401
    assert create(key_client(team)).status_code == 403
    assert Client().get(PATH).status_code == 401


def test_key_cannot_start_one_for_another_team(team, admin_api) -> None:
    factories.team("others")

    assert create(admin_api, team="others").status_code == 404
    assert create(admin_api, team="builders").status_code == 200


def test_staff_start_experiments_of_any_team_and_of_all(team, staff) -> None:
    own = create(staff, team="builders").json()
    of_all = create(staff).json()

    assert (own["team"], own["created_by"], of_all["team"]) == ("builders", "ada", None)
    assert create(staff, team="nobody").status_code == 404
    assert len(staff.get(PATH).json()) == 2


def test_staff_sessions_need_a_csrf_token(team) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(factories.staff("bob", role="operator"))

    assert create(client).status_code == 403
    assert Experiment.objects.count() == 0
