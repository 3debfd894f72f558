"""The admin's pages of features and of the rollout."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from accounts.models import FeatureChange, RolloutPhase
from accounts.services import features, rollout
from monitoring.services import roles
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db

WHO: dict[str, Any] = {"actor": "ada", "now": NOON}


def client_of(role: str) -> Client:
    roles.keep()
    user = User.objects.create_user(role, password="x", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def operator() -> Client:
    return client_of("operator")


def told(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def test_page_shows_every_feature_and_who_switched_it(operator: Client) -> None:
    features.disable("trends", reason="slow", **WHO)

    page = operator.get("/admin/features/").content.decode()

    assert page.count(">Switch off</a>") == 12
    assert "ada, 4 Mar 2026, 12:00 UTC" in page
    assert "slow" in page


def test_environment_is_named_where_it_wins(operator: Client, settings: Any) -> None:
    settings.LEARNING_FEATURES_DISABLED = ["roi"]

    assert "keeps these off, whatever is switched here: roi." in operator.get("/admin/features/").content.decode()


def test_switching_asks_first_and_needs_a_reason(operator: Client) -> None:
    asked = operator.get("/admin/features/roi/disable/")
    refused = operator.post("/admin/features/roi/disable/", {"reason": ""})

    assert "Switch roi off?" in asked.content.decode()
    assert refused.status_code == 200
    assert not FeatureChange.objects.exists()


def test_switch_is_kept_with_who_and_why(operator: Client) -> None:
    factories.team("search")

    done = operator.post("/admin/features/roi/disable/", {"team": "search", "reason": "wrong sums"}, follow=True)

    change = FeatureChange.objects.get()
    assert told(done) == "The feature roi is off for team search, in every process within a second."
    assert (change.team_slug, change.changed_by, change.reason) == ("search", "operator", "wrong sums")


def test_setting_of_a_team_is_removed(operator: Client) -> None:
    team = factories.team("search")
    features.disable("roi", team=team, **WHO)

    operator.post("/admin/features/roi/reset/", {"team": "search", "reason": "fixed"})

    assert features.is_enabled("roi", team)


@pytest.mark.parametrize("path", ["/admin/features/telepathy/disable/", "/admin/features/roi/explode/"])
def test_what_does_not_exist_is_not_found(operator: Client, path: str) -> None:
    assert operator.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/admin/features/roi/disable/", "/admin/rollout/start/", "/admin/rollout/note/"])
def test_viewer_sees_the_pages_and_changes_nothing(path: str) -> None:
    viewer = client_of("viewer")

    pages = [viewer.get(page) for page in ("/admin/features/", "/admin/rollout/")]

    assert [page.status_code for page in pages] == [200, 200]
    assert "Switch off" not in pages[0].content.decode()
    assert "Start a rollout" not in pages[1].content.decode()
    assert viewer.post(path, {"reason": "x"}).status_code == 403


def test_rollout_is_started_on_its_page(operator: Client) -> None:
    factories.team("search")

    started = operator.post("/admin/rollout/start/", {"features": ["insights", "roi"]}, follow=True)

    assert told(started) == "The rollout has begun in phase 1."
    assert "Phase 1 of 4: 1 of 1 teams have insights, roi" in started.content.decode()
    assert RolloutPhase.objects.get().started_by == "operator"


def test_rollout_goes_on_only_by_an_override_while_criteria_do_not_hold(operator: Client) -> None:
    rollout.start(["insights"], **WHO)

    refused = operator.post("/admin/rollout/advance/", follow=True)
    asked = operator.get("/admin/rollout/override/")
    done = operator.post("/admin/rollout/override/", {"reason": "a trial"}, follow=True)

    assert told(refused).startswith("Phase 1 cannot be left yet.")
    assert "Errors of ours: no requests were measured" in asked.content.decode()
    assert "Phase 2 of 4" in done.content.decode()


def test_rollback_keeps_why_and_what_went_wrong(operator: Client) -> None:
    rollout.start(["insights"], **WHO)

    operator.post("/admin/rollout/rollback/", {"reason": "complaints", "issue": "figures are off"})

    left = RolloutPhase.objects.get(outcome="rolled_back")
    assert (left.reason, left.issues_found[0]["text"], left.ended_by) == ("complaints", "figures are off", "operator")


def test_check_boxes_keep_the_name_of_who_ticked_them_first(operator: Client) -> None:
    rollout.start(["insights"], **WHO)
    rollout.confirm("team_trained", **WHO)

    operator.post("/admin/rollout/note/", {"confirmations": "yes", "confirmed": ["team_trained", "satisfaction"]})
    both = RolloutPhase.objects.get().confirmations
    operator.post("/admin/rollout/note/", {"confirmations": "yes", "confirmed": ["satisfaction"]})

    assert {name: given["by"] for name, given in both.items()} == {"team_trained": "ada", "satisfaction": "operator"}
    assert set(RolloutPhase.objects.get().confirmations) == {"satisfaction"}


def test_issue_is_kept_and_shown(operator: Client) -> None:
    rollout.start(["insights"], **WHO)

    page = operator.post("/admin/rollout/note/", {"issue": "figures are off"}, follow=True)

    assert "figures are off" in page.content.decode()


def test_note_without_a_rollout_is_told_so(operator: Client) -> None:
    done = operator.post("/admin/rollout/note/", {"issue": "figures are off"}, follow=True)

    assert told(done).startswith("No rollout runs")


@pytest.mark.parametrize("model", ["featuregate", "featurechange", "rolloutphase"])
def test_lists_of_the_admin_lead_to_the_pages(operator: Client, model: str) -> None:
    features.disable("roi", **WHO)
    rollout.start(["insights"], **WHO)

    page = operator.get(f"/admin/accounts/{model}/").content.decode()

    assert 'href="/admin/features/"' in page or 'href="/admin/rollout/"' in page
