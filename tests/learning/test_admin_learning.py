from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from learning.models import LearningAlert, LearningOverride, ModelPerformance, RetrainingRun
from learning.selectors import overrides as selectors
from learning.services import run_lock
from tests import factories
from tests.learning.rated_models import NOW, catalog, rate, retrain

pytestmark = pytest.mark.django_db

RUNS = "/admin/learning/retrainingrun/"
RETRAIN = f"{RUNS}retrain"
OVERRIDES = "/admin/learning/learningoverride/"
ALERTS = "/admin/learning/learningalert/"


@pytest.fixture(autouse=True)
def at_one_in_the_afternoon():
    with time_machine.travel(NOW, tick=False):
        yield


def in_force() -> dict[str, str]:
    return {pattern: found.full_name for pattern, found in selectors.in_force(None).items()}


def act(client: Client, url: str, action: str, row: Any, **fields: str) -> str:
    answer = client.post(url, {"action": action, "_selected_action": [row.pk], **fields}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def reader_of(*models: str) -> Client:
    """Log in staff who may look at everything of these models, and change nothing."""
    user = User.objects.create_user("reader", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=[f"view_{model}" for model in models]))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def override() -> LearningOverride:
    catalog()
    rate(factories.team(), 10, cost_nano_usd=1_500)
    retrain()
    return LearningOverride.objects.get()


def test_the_button_shows_what_would_change_and_writes_nothing(admin_client: Client) -> None:
    catalog()
    rate(factories.team(), 10, cost_nano_usd=1_500)
    rate(factories.team(), 4, served_model="gpt-small")

    assert reverse("admin:learning_retrainingrun_retrain") in admin_client.get(RUNS).content.decode()
    shown = admin_client.get(RETRAIN).content.decode()

    assert "This would change:" in shown
    assert "openai/gpt-large" in shown
    assert "too few ratings: 4, 5 are needed" in shown
    assert (RetrainingRun.objects.count(), in_force()) == (0, {})


def test_applying_runs_and_shows_the_run(admin_client: Client) -> None:
    catalog()
    rate(factories.team(), 10, cost_nano_usd=1_500)

    answer = admin_client.post(RETRAIN, {"team": "", "reason": "as shown"}, follow=True)

    run = RetrainingRun.objects.get()
    assert answer.redirect_chain == [(f"{RUNS}{run.pk}/change/", 302)]
    assert (run.trigger, run.actor) == ("admin", "admin")
    assert in_force() == {"code": "openai/gpt-large"}
    assert "$0.0000015" in answer.content.decode()


def test_the_policy_of_a_team_that_learns_alone_is_retrained_by_itself(admin_client: Client) -> None:
    catalog()
    rate(factories.team("alone", learns_alone=True), 10)
    factories.team("sharing")

    assert "Nothing would change" in admin_client.get(RETRAIN).content.decode()
    assert "This would change:" in admin_client.get(f"{RETRAIN}?team=alone").content.decode()
    assert "has no policy of its own" in admin_client.get(f"{RETRAIN}?team=sharing", follow=True).content.decode()


def test_a_run_in_progress_is_told(admin_client: Client) -> None:
    run_lock.begin(team=None, trigger="schedule", actor="schedule", parameters={}, now=NOW)

    assert "is running" in admin_client.post(RETRAIN, {"team": "", "reason": "now"}, follow=True).content.decode()


def test_readers_may_look_at_runs_and_not_retrain() -> None:
    client = reader_of("retrainingrun")

    assert client.get(RUNS).status_code == 200
    assert client.get(RETRAIN).status_code == 403
    assert client.post(RETRAIN, {"team": ""}).status_code == 403


def test_revoking_asks_first_and_shows_the_effect(admin_client: Client, override: LearningOverride) -> None:
    shown = act(admin_client, OVERRIDES, "revoke", override)

    assert "Now a code prompt goes to openai/gpt-large." in shown
    assert "had 5.00 stars from 10 ratings, and a request cost $0.0000015" in shown
    assert in_force() == {"code": "openai/gpt-large"}


def test_a_revoked_override_can_be_activated_again(admin_client: Client, override: LearningOverride) -> None:
    act(admin_client, OVERRIDES, "revoke", override, confirmed="yes", reason="too slow")
    assert in_force() == {}
    override.refresh_from_db()
    assert (override.revoked_by, override.revoked_reason) == ("admin", "too slow")

    act(admin_client, OVERRIDES, "activate", override, confirmed="yes", reason="fast enough now")

    assert in_force() == {"code": "openai/gpt-large"}


def test_what_cannot_change_is_told(admin_client: Client, override: LearningOverride) -> None:
    shown = act(admin_client, OVERRIDES, "activate", override, confirmed="yes", reason="once more")

    assert "is sent to openai/gpt-large already" in shown


def test_an_override_is_not_changed_without_a_reason(admin_client: Client, override: LearningOverride) -> None:
    act(admin_client, OVERRIDES, "revoke", override, confirmed="yes", reason="  ")

    assert in_force() == {"code": "openai/gpt-large"}


def test_readers_may_not_change_overrides(override: LearningOverride) -> None:
    act(reader_of("learningoverride"), OVERRIDES, "revoke", override, confirmed="yes", reason="because")

    assert in_force() == {"code": "openai/gpt-large"}


def test_staff_resolve_alerts(admin_client: Client) -> None:
    alert = LearningAlert.objects.create(
        kind="vote_anomaly", pattern="code", message="too many", raised_at=NOW - timedelta(days=1)
    )

    assert "alerts are resolved" in act(admin_client, ALERTS, "resolve", alert, confirmed="yes", reason="a campaign")

    alert.refresh_from_db()
    assert (alert.resolved_at, alert.resolved_by) == (NOW, "admin")


def test_readers_may_not_resolve_alerts() -> None:
    alert = LearningAlert.objects.create(kind="vote_anomaly", pattern="code", message="too many", raised_at=NOW)

    act(reader_of("learningalert"), ALERTS, "resolve", alert)

    alert.refresh_from_db()
    assert alert.resolved_at is None


@pytest.mark.parametrize("model", [RetrainingRun, LearningOverride, ModelPerformance])
def test_pages_of_what_a_run_wrote_open(model: Any, admin_client: Client, override: LearningOverride) -> None:
    row = model.objects.get()

    for url in (
        f"/admin/learning/{model._meta.model_name}/",
        f"/admin/learning/{model._meta.model_name}/{row.pk}/change/",
    ):
        assert admin_client.get(url).status_code == 200
