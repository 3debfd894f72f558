import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import RolloutPhase, Team
from accounts.services import rollout
from learning.models import RetrainingRun
from monitoring.models import CounterSample
from routing.services import database_clock
from tests import factories
from tests.factories import bearer

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def operator() -> dict[str, str]:
    return bearer(factories.api_key(factories.team("search"), scopes=["admin"])[1])


@pytest.fixture
def running() -> RolloutPhase:
    """A rollout of three hours, whose phase reaches the only team."""
    started = database_clock.now() - 3 * HOUR
    return rollout.start(["insights"], actor="ada", now=started)


def post(client: Client, action: str, headers: dict[str, str], **body: Any) -> Any:
    return client.post(f"/api/rollout/{action}", body, content_type="application/json", headers=headers)


def make_all_criteria_hold() -> None:
    """Add a hundred quick completions, quick endpoints and a retraining, and confirm what people say."""
    team, now = Team.objects.get(slug="search"), database_clock.now()
    for _ in range(100):
        factories.ledger_entry(team, created_at=now - HOUR, overhead_ms=3.0)
    for minutes, requests in ((120, 0), (1, 10)):
        CounterSample.objects.create(
            taken_at=now - timedelta(minutes=minutes), figures={"endpoint_seconds": [requests, *[0] * 14, 0.1]}
        )
    RetrainingRun.objects.create(
        run_id=uuid.uuid4(),
        trigger="api",
        actor="ada",
        parameters={},
        state="succeeded",
        started_at=now - HOUR,
        finished_at=now - HOUR,
    )
    for name in ("team_trained", "no_corruption", "satisfaction"):
        rollout.confirm(name, actor="ada", now=now)


def test_without_a_rollout_every_team_has_what_is_on(client: Client, operator: dict[str, str]) -> None:
    found = client.get("/api/rollout/", headers=operator).json()

    assert found == {
        "phase": None,
        "teams": 1,
        "teams_reached": 1,
        "may_advance": False,
        "unmet": [],
        "criteria": [],
        "history": [],
    }


def test_rollout_begins_in_its_first_phase(client: Client, operator: dict[str, str]) -> None:
    found = post(client, "start", operator, features=["insights", "roi"]).json()

    assert (found["phase"]["number"], found["phase"]["share"]) == (1, 0.1)
    assert found["phase"]["features"] == ["insights", "roi"]
    assert found["phase"]["started_by"].startswith("key aco_")
    assert found["teams_reached"] == 1


def test_advance_is_refused_with_every_reason(client: Client, operator: dict[str, str], running: RolloutPhase) -> None:
    response = post(client, "advance", operator)

    assert response.status_code == 409
    assert response.json()["detail"].startswith("Phase 1 cannot be left yet. Errors of ours: no requests")
    assert "nobody has confirmed it" in response.json()["detail"]


def test_advance_goes_on_when_every_criterion_holds(
    client: Client, operator: dict[str, str], running: RolloutPhase
) -> None:
    make_all_criteria_hold()
    before = client.get("/api/rollout", headers=operator).json()

    found = post(client, "advance", operator).json()

    assert (before["may_advance"], before["unmet"]) == (True, [])
    assert found["phase"]["number"] == 2
    assert found["history"][0]["outcome"] == "advanced"
    running.refresh_from_db()
    assert all(criterion["holds"] for criterion in running.criteria)


def test_override_needs_a_reason_and_keeps_it(client: Client, operator: dict[str, str], running: RolloutPhase) -> None:
    refused = post(client, "advance", operator, override=True)
    found = post(client, "advance", operator, override=True, reason="only a trial").json()

    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["body", "reason"]
    assert found["phase"]["number"] == 2
    assert (found["history"][0]["outcome"], found["history"][0]["reason"]) == ("overridden", "only a trial")


def test_rollback_goes_back_at_once(client: Client, operator: dict[str, str], running: RolloutPhase) -> None:
    found = post(client, "rollback", operator, reason="complaints", issue="figures are off").json()

    assert (found["phase"]["number"], found["teams_reached"]) == (0, 0)
    assert found["history"][0]["issues_found"][0]["text"] == "figures are off"


def test_confirmations_and_issues_are_kept_with_who_gave_them(
    client: Client, operator: dict[str, str], running: RolloutPhase
) -> None:
    post(client, "confirm", operator, name="team_trained")
    found = post(client, "issues", operator, text="figures are off").json()

    confirmed = next(one for one in found["criteria"] if one["name"] == "team_trained")
    assert (confirmed["kind"], confirmed["holds"]) == ("confirmed", True)
    assert found["phase"]["issues_found"][0]["by"].startswith("key aco_")


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("advance", {}, 409),
        ("rollback", {"reason": "x"}, 409),
        ("rollback", {}, 422),
        ("confirm", {"name": "team_trained"}, 409),
        ("confirm", {"name": "all is well"}, 422),
        ("start", {"features": ["telepathy"]}, 422),
        ("start", {"features": []}, 422),
        ("advance", {"force": True}, 422),
    ],
)
def test_what_cannot_be_done_is_refused(
    client: Client, operator: dict[str, str], action: str, body: dict[str, Any], status: int
) -> None:
    assert post(client, action, operator, **body).status_code == status


def test_second_rollout_is_refused(client: Client, operator: dict[str, str], running: RolloutPhase) -> None:
    assert post(client, "start", operator, features=["roi"]).status_code == 409


def test_key_without_the_scope_is_refused(client: Client) -> None:
    plain = bearer(factories.api_key()[1])

    assert client.get("/api/rollout", headers=plain).status_code == 403
    assert post(client, "rollback", plain, reason="x").status_code == 403
