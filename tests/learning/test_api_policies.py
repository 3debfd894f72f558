"""Policies and their evaluations over HTTP."""

import pytest
import time_machine
from django.test import Client

from learning.models import PolicyEvaluation
from learning.services import promotion
from routing.models import PolicyActivation, PolicyVersion
from routing.selectors import policies as policy_selectors
from tests import factories
from tests.learning.logged_traffic import LARGE, NOW, SMALL, activate, catalog, publish, write

pytestmark = pytest.mark.django_db

POLICIES = "/admin/learning/policies"
EVALUATIONS = "/admin/learning/evaluations"
EVALUATE = "/admin/learning/evaluate"
PROMOTE = "/admin/learning/promote"


def routing_now():
    return policy_selectors.active(None)


@pytest.fixture(autouse=True)
def ten_days_later():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def team():
    catalog()
    return factories.team("builders")


@pytest.fixture
def dear(team):
    return activate(publish(LARGE))


@pytest.fixture
def admin_api(team):
    return key_client(team)


def key_client(team, *scopes):
    _, secret = factories.api_key(team, scopes=list(scopes or ["admin"]))
    return Client(headers=factories.bearer(secret))


def post(client, path, body):
    return client.post(path, body, content_type="application/json")


@pytest.mark.parametrize("path", [POLICIES, EVALUATIONS, "/api" + POLICIES + "/", "/api" + EVALUATIONS + "/"])
def test_only_an_admin_key_may_read(path, team, admin_api) -> None:
    _, secret = factories.api_key(team)

    assert Client().get(path).status_code == 401
    assert Client(headers=factories.bearer(secret)).get(path).status_code == 403
    assert admin_api.get(path).json() == []


def test_versions_are_listed_with_their_state_hashes_and_times(team, dear, admin_api) -> None:
    candidate = publish(SMALL, note="trained on 900 decisions")

    newest, oldest = admin_api.get(POLICIES).json()

    assert (newest["version"], newest["state"], newest["source"]) == (candidate.version, "candidate", "predictor")
    assert (newest["note"], newest["created_by"]) == ("trained on 900 decisions", "training")
    assert (newest["content_hash"], newest["predictor_hash"]) == (candidate.content_hash, None)
    assert newest["activated_at"] == []
    assert (oldest["version"], oldest["state"]) == (dear.version, "active")
    assert oldest["activated_at"] == ["2026-03-05T12:00:00Z"]


def test_a_candidate_is_evaluated_and_the_evaluation_listed(team, dear, admin_api) -> None:
    write(team, dear, reward={SMALL: 0.8, LARGE: 0.8})
    candidate = publish(SMALL)

    answer = post(admin_api, EVALUATE, {"version": candidate.version})

    found = answer.json()
    assert answer.status_code == 200
    assert (found["version"], found["compared_with"]) == (candidate.version, dear.version)
    assert (found["verdict"], found["is_reliable"], found["decisions"]) == ("promoted", True, 400)
    assert found["estimates"]["cost"]["difference"]["dr"]["at_most"] < 0
    assert all(reason["held"] for reason in found["reasons"])
    assert admin_api.get(EVALUATIONS, {"version": candidate.version}).json() == [found]
    assert admin_api.get(EVALUATIONS, {"version": dear.version}).json() == []


def test_without_evidence_the_answer_says_that_nothing_is_known(team, dear, admin_api) -> None:
    found = post(admin_api, EVALUATE, {"version": publish(SMALL).version}).json()

    assert (found["verdict"], found["is_reliable"], found["estimates"]) == ("held", False, {})
    assert "There are no rated decisions to compare on." in [reason["text"] for reason in found["reasons"]]


def test_a_candidate_is_promoted_by_an_admin_with_a_reason(team, dear, admin_api) -> None:
    candidate = publish(SMALL)

    answer = post(admin_api, PROMOTE, {"version": candidate.version, "reason": "the large model is retired tomorrow"})

    assert answer.status_code == 200
    assert answer.json() == {
        "version": candidate.version,
        "replaced": dear.version,
        "reason": "the large model is retired tomorrow",
        "activated_at": "2026-03-14T12:00:00Z",
    }
    activation = PolicyActivation.objects.get(policy=candidate)
    assert activation.kind == "staff"
    assert activation.actor.startswith("key ")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (EVALUATE, {}, "version"),
        (EVALUATE, {"version": 0}, "version"),
        (EVALUATE, {"version": "x"}, "version"),
        (EVALUATE, {"version": 2**63}, "version"),
        (EVALUATE, {"version": 1, "force": True}, "force"),
        (PROMOTE, {"version": 1}, "reason"),
        (PROMOTE, {"version": 1, "reason": " "}, "reason"),
        (PROMOTE, {"version": 1, "reason": "x" * 401}, "reason"),
    ],
)
def test_a_body_that_is_not_understood_is_refused_by_field(admin_api, path, body, field) -> None:
    answer = post(admin_api, path, body)

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", field]


@pytest.mark.parametrize(("path", "query"), [(POLICIES, "limit=0"), (EVALUATIONS, "limit=201"), (EVALUATIONS, "x=1")])
def test_a_query_that_is_not_understood_is_refused(admin_api, path, query) -> None:
    answer = admin_api.get(f"{path}?{query}")

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "query"


@pytest.mark.parametrize(("path", "more"), [(EVALUATE, {}), (PROMOTE, {"reason": "x"})])
def test_a_policy_of_another_scope_does_not_exist_and_one_that_routes_is_no_candidate(
    team, dear, admin_api, path, more
) -> None:
    alone = factories.team("soloists", learns_alone=True)
    own = publish(SMALL, team=alone)

    assert post(admin_api, path, {"version": own.version, **more}).status_code == 404
    assert post(admin_api, path, {"version": dear.version, **more}).status_code == 409
    assert post(key_client(alone), path, {"version": dear.version, **more}).status_code == 404
    assert PolicyVersion.objects.get(version=own.version).state == "candidate"


def test_a_team_that_learns_alone_sees_its_own_policies_only(team, dear) -> None:
    alone = factories.team("soloists", learns_alone=True)
    own = publish(SMALL, team=alone)
    promotion.evaluate(publish(SMALL), now=NOW)

    client = key_client(alone)

    assert [found["version"] for found in client.get(POLICIES).json()] == [own.version]
    assert client.get(EVALUATIONS).json() == []


def test_staff_may_name_the_team(team, dear, django_user_model) -> None:
    alone = factories.team("soloists", learns_alone=True)
    own = publish(SMALL, team=alone)
    client = Client()
    client.force_login(factories.staff("ada", role="operator"))

    assert [found["version"] for found in client.get(POLICIES, {"team": "soloists"}).json()] == [own.version]
    assert [found["version"] for found in client.get(POLICIES).json()] == [dear.version]
    assert client.get(POLICIES, {"team": "nobody"}).status_code == 404


def test_a_rejected_candidate_is_not_evaluated_again(team, dear, admin_api) -> None:
    write(team, dear, reward={SMALL: 0.3, LARGE: 0.8})
    candidate = publish(SMALL)

    assert post(admin_api, EVALUATE, {"version": candidate.version}).json()["verdict"] == "rejected"
    assert post(admin_api, EVALUATE, {"version": candidate.version}).status_code == 409
    assert PolicyEvaluation.objects.count() == 1
    assert routing_now().version == dear.version
