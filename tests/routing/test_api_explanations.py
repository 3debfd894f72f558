import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import Team
from routing.domain import exploration
from routing.domain import policy as policy_domain
from routing.domain.traffic_split import Arm
from routing.models import LedgerEntry, PolicyVersion
from routing.services import policies
from tests import factories
from tests.factories import NOON
from tests.routing.domain.learned import override
from tests.routing.services import splits

pytestmark = pytest.mark.django_db

CANDIDATES = [
    {"model": "b/cheap", "tier": "simple", "expected_cost_usd": "0.0004", "expected_quality": 0.8, "is_greedy": True},
    {"model": "a/simple", "tier": "simple", "expected_cost_usd": "0.0016", "expected_quality": 0.7},
    {"model": "a/moderate", "tier": "moderate", "expected_cost_usd": "0.016", "expected_quality": 0.82},
]


@pytest.fixture
def team() -> Team:
    return factories.team()


@pytest.fixture
def client(team: Team) -> Client:
    return Client(headers=factories.bearer(factories.api_key(team)[1]))


def published(*, team: Team | None = None, model: str = "cheap", **parameters: Any) -> PolicyVersion:
    document = policy_domain.document([override(model=model, provider="b" if model == "cheap" else "a")], **parameters)
    return policies.publish(team=team, document=document, source="staff", actor="ada", now=NOON)


def entry(team: Team, policy: PolicyVersion | None = None, **fields: Any) -> LedgerEntry:
    values = {
        "requested_model": "auto",
        "strategy": "hybrid",
        "policy_version": policy and policy.version,
        "pattern": "code",
        "candidates": CANDIDATES,
        "attempts": [{"provider": "b", "model": "cheap"}],
        "provider": "b",
        "served_model": "cheap",
        "propensity": 0.98,
        "created_at": NOON + timedelta(minutes=5),
        **fields,
    }
    return factories.ledger_entry(team, **values)


def explain(client: Client, row: LedgerEntry, **query: Any) -> Any:
    answer = client.get(f"/routing/decision/{row.request_id}", query)
    assert answer.status_code == 200
    return answer.json()


def test_decision_is_explained_from_its_row(client: Client, team: Team) -> None:
    policy = published()
    policies.activate(policy, kind="staff", actor="ada", reason="better", now=NOON)
    first = {**CANDIDATES[0], "expected_output_tokens": 410}
    row = entry(team, policy, task="review", min_quality=0.6, candidates=[first, *CANDIDATES[1:]])

    found = explain(client, row)

    assert (found["request_id"], found["strategy"], found["pattern"]) == (str(row.request_id), "hybrid", "code")
    assert (found["task"], found["min_quality"], found["complexity_tier"]) == ("review", 0.6, "simple")
    assert (found["chosen_model"], found["served_model"], found["fallback_used"]) == ("b/cheap", "cheap", False)
    assert (found["propensity"], found["reasoning"]) == (0.98, "simple prompt")
    assert found["draw"] == exploration.draw_of(str(row.request_id), policy.version)
    assert found["policy_version"] == policy.version
    assert (found["activation"]["actor"], found["activation"]["reason"]) == ("ada", "better")
    assert found["alternative"] is None
    assert found["candidates"][0] == {
        "model": "b/cheap",
        "tier": "simple",
        "expected_cost_usd": 0.0004,
        "expected_output_tokens": 410,
        "expected_quality": 0.8,
        "quality_lower": None,
        "is_greedy": True,
    }
    # The others were priced with the typical answer.
    assert found["candidates"][1]["expected_output_tokens"] is None
    assert [candidate["is_greedy"] for candidate in found["candidates"]] == [True, False, False]


def test_row_without_a_policy_has_no_draw(client: Client, team: Team) -> None:
    found = explain(client, entry(team, strategy="complexity", attempts=[]))
    assert (found["draw"], found["policy_version"], found["activation"]) == (None, None, None)
    assert found["chosen_model"] == "b/cheap"


def test_another_version_is_replayed_from_the_row(client: Client, team: Team) -> None:
    other = published(model="moderate")

    found = explain(client, entry(team), policy_version=other.version)["alternative"]

    assert (found["policy_version"], found["strategy"], found["model"]) == (other.version, "hybrid", "a/moderate")
    assert (found["confidence"], found["propensity"], found["approximate"]) == ("high", 1.0, False)
    assert found["reasoning"].startswith("code prompt: a/moderate earned it")
    # The prior of the tier stands again where the other version has no evidence.
    assert [candidate["expected_quality"] for candidate in found["candidates"]] == [0.7, 0.7, 0.8]


def test_replay_draws_as_that_version_would_have(client: Client, team: Team) -> None:
    other = published(exploration_share=0.5, random_share=0.5)
    row = entry(team)

    found = explain(client, row, policy_version=other.version)["alternative"]

    assert found["draw"] == exploration.draw_of(str(row.request_id), other.version)
    assert 0 < found["propensity"] < 1


def test_replay_of_a_session_says_that_it_is_approximate(client: Client, team: Team) -> None:
    other = published()
    found = explain(client, entry(team, session_id="s"), policy_version=other.version)["alternative"]
    assert found["approximate"] is True
    assert "session" in found["approximations"][0]


def test_minimum_that_the_version_cannot_reach_is_told(client: Client, team: Team) -> None:
    other = published()
    found = explain(client, entry(team, min_quality=0.99), policy_version=other.version)["alternative"]
    assert (found["model"], found["candidates"]) == (None, [])
    assert "none is expected to reach quality 0.99" in found["reasoning"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"requested_model": "gpt-4", "strategy": "named"}, "the caller asked for this model"),
        ({"requested_model": "auto:complexity", "strategy": "complexity"}, "complexity decides"),
    ],
)
def test_version_has_no_say_in_what_no_policy_decides(
    client: Client, team: Team, fields: dict[str, Any], reason: str
) -> None:
    found = explain(client, entry(team, **fields), policy_version=published().version)["alternative"]
    assert (found["model"], found["draw"]) == (None, None)
    assert reason in found["reasoning"]


def test_auto_before_any_policy_is_replayed_by_the_strategy_of_the_version(client: Client, team: Team) -> None:
    other = published(strategy="learning", model="moderate")
    found = explain(client, entry(team, strategy="complexity"), policy_version=other.version)["alternative"]
    assert (found["strategy"], found["model"]) == ("learning", "a/moderate")


def start_experiment(*arms: Arm) -> None:
    splits.start(42, arms=(Arm("control", 0.5, strategy="complexity"), *arms))


IN_TEST: dict[str, Any] = {"experiment_id": 42, "experiment_arm": "test", "experiment_phase": 1}


def test_experiment_and_arm_that_decided_are_named(client: Client, team: Team) -> None:
    found = explain(client, entry(team, **IN_TEST))
    assert (found["experiment_id"], found["experiment_arm"], found["experiment_phase"]) == (42, "test", 1)
    assert explain(client, entry(team))["experiment_id"] is None


def test_request_of_an_arm_with_a_strategy_is_replayed_by_that_strategy(client: Client, team: Team) -> None:
    active, other = published(strategy="hybrid"), published(strategy="hybrid", model="moderate")
    start_experiment(Arm("test", 0.5, strategy="learning"))
    row = entry(team, active, strategy="learning", **IN_TEST)
    for policy, model in ((active, "b/cheap"), (other, "a/moderate")):
        found = explain(client, row, policy_version=policy.version)["alternative"]
        assert (found["strategy"], found["model"]) == ("learning", model)


def test_request_of_an_arm_with_a_policy_is_replayed_by_the_strategy_of_each_policy(client: Client, team: Team) -> None:
    own, other = published(strategy="learning"), published(strategy="complexity")
    start_experiment(Arm("test", 0.5, policy_version=own.version))
    row = entry(team, own, strategy="learning", **IN_TEST)
    same = explain(client, row, policy_version=own.version)
    assert (same["alternative"]["strategy"], same["alternative"]["model"]) == ("learning", "b/cheap")
    assert same["alternative"]["draw"] == same["draw"]
    assert explain(client, row, policy_version=other.version)["alternative"]["strategy"] == "complexity"


def test_requests_and_versions_of_other_teams_are_not_found(client: Client, team: Team) -> None:
    foreign, foreign_policy = entry(factories.team()), published(team=factories.team())
    own = entry(team)
    assert client.get(f"/routing/decision/{foreign.request_id}").status_code == 404
    assert client.get(f"/routing/decision/{uuid.uuid4()}").status_code == 404
    assert client.get(f"/routing/decision/{own.request_id}?policy_version={foreign_policy.version}").status_code == 404
    assert client.get(f"/routing/decision/{own.request_id}?policy_version=1000000").status_code == 404


def test_staff_see_the_requests_of_all_teams(team: Team) -> None:
    client = Client()
    client.force_login(factories.staff("ada", role="viewer"))
    assert client.get(f"/routing/decision/{entry(team).request_id}/").status_code == 200


def test_version_that_is_no_number_is_refused(client: Client, team: Team) -> None:
    answer = client.get(f"/routing/decision/{entry(team).request_id}?policy_version=latest")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", "policy_version"]
