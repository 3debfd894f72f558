import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client

from accounts.models import Team
from insights.models import AppliedAction, Finding, Review, SuggestionFeedback
from insights.services import reviews
from monitoring.services import roles
from routing.models import TeamRule
from routing.services import database_clock
from tests import factories
from tests.insights import review_rows
from tests.insights.review_rows import CHEAP

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Team:
    return review_rows.team_with_traffic(database_clock.now())


@pytest.fixture
def finding(team: Team) -> Finding:
    reviews.run(team, trigger="admin", actor="jo", now=database_clock.now())
    return Finding.objects.get(finding_type="overpowered_model", action__isnull=False)


def page(team: Team) -> str:
    return f"/admin/insights/finding/team/{team.slug}/"


def answer(client: Client, finding: Finding, verdict: str) -> str:
    given = {"verdict": verdict, "reason": "because"}
    return client.post(f"/admin/insights/finding/{finding.id}/answer/", given, follow=True).content.decode()


def test_review_is_started_from_the_page(admin_client: Client, team: Team) -> None:
    assert "Not reviewed yet" in admin_client.get(page(team)).content.decode()
    shown = admin_client.post(page(team) + "review/", follow=True).content.decode()
    assert "Reviewed 80 requests" in shown
    assert (Review.objects.get().trigger, Review.objects.get().actor) == ("admin", "admin")


def test_suggestion_is_shown_with_its_change_and_applied(admin_client: Client, team: Team, finding: Finding) -> None:
    shown = admin_client.get(page(team)).content.decode()
    assert f"Send code requests to {CHEAP}." in shown
    assert "Accept and apply" in shown

    assert "Accepted and applied" in answer(admin_client, finding, "applied")
    assert TeamRule.objects.get().model == CHEAP
    assert LogEntry.objects.latest("id").change_message == "accepted and applied: because"
    assert "Take back" in admin_client.get(page(team)).content.decode()


def test_applied_action_is_taken_back(admin_client: Client, finding: Finding) -> None:
    answer(admin_client, finding, "applied")
    address = f"/admin/insights/finding/action/{AppliedAction.objects.get().id}/revert/"
    assert "taken back by admin" in admin_client.post(address, follow=True).content.decode()
    assert not TeamRule.objects.exists()


@pytest.mark.parametrize("verdict", ["accepted", "rejected", "ignored"])
def test_answer_is_stored_and_nothing_applied(admin_client: Client, finding: Finding, verdict: str) -> None:
    answer(admin_client, finding, verdict)
    stored = SuggestionFeedback.objects.get()
    assert (stored.verdict, stored.reason, stored.actor) == (verdict, "because", "admin")
    assert not AppliedAction.objects.exists()


def test_what_is_refused_is_told(admin_client: Client, finding: Finding) -> None:
    Finding.objects.update(status="resolved", closed_at=factories.NOON)
    assert "no longer asks for an answer" in answer(admin_client, finding, "accepted")
    assert "Choose accepted, rejected or ignored" in answer(admin_client, finding, "maybe")


def test_viewers_see_the_page_and_change_nothing(team: Team, finding: Finding) -> None:
    roles.keep()
    user = User.objects.create_user("vera", is_staff=True)
    user.groups.add(Group.objects.get(name="viewer"))
    client = Client()
    client.force_login(user)
    shown = client.get(page(team))
    assert (shown.status_code, b"Accept and apply" in shown.content) == (200, False)
    for address in (page(team) + "review/", f"/admin/insights/finding/{finding.id}/answer/"):
        assert client.post(address, {"verdict": "accepted"}).status_code == 403
    assert not SuggestionFeedback.objects.exists()


def test_page_shows_nothing_of_another_team(admin_client: Client, finding: Finding) -> None:
    other = factories.team("ads")
    assert finding.title not in admin_client.get(page(other)).content.decode()


@pytest.mark.parametrize(
    "name", ["review", "finding", "suggestionfeedback", "appliedaction", "learningmetric", "patternmetric"]
)
def test_lists_open(admin_client: Client, finding: Finding, name: str) -> None:
    answer(admin_client, finding, "applied")
    assert admin_client.get(f"/admin/insights/{name}/").status_code == 200
