from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from routing.domain import policy as policy_domain
from routing.models import PolicyActivation, PolicyVersion
from routing.selectors import policies as policy_selectors
from routing.services import policies
from tests import factories
from tests.routing.domain.learned import override

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LIST = reverse("admin:routing_policyversion_changelist")


def published() -> PolicyVersion:
    return policies.publish(
        team=None, document=policy_domain.document([override()]), source="staff", actor="ada", now=NOW
    )


def run(client: Client, action: str, *chosen: PolicyVersion, **fields: str) -> str:
    data = {"action": action, "_selected_action": [policy.version for policy in chosen], **fields}
    return client.post(LIST, data, follow=True).content.decode()


def confirm(client: Client, action: str, policy: PolicyVersion) -> str:
    return run(client, action, policy, confirmed="yes", reason="as agreed")


def test_action_asks_before_it_changes_what_routes(admin_client: Client) -> None:
    policy = published()
    page = run(admin_client, "activate", policy)
    assert f"Route by policy {policy.version}?" in page
    assert 'name="reason"' in page
    assert policy_selectors.active(None) is None


def test_policies_are_activated_restored_and_withdrawn_with_name_and_reason(admin_client: Client) -> None:
    first, second = published(), published()
    confirm(admin_client, "activate", first)
    confirm(admin_client, "activate", second)
    confirm(admin_client, "roll_back", first)
    assert policy_selectors.active(None) == first
    assert "within a second" in confirm(admin_client, "withdraw", first)
    assert policy_selectors.active(None) is None
    recorded = PolicyActivation.objects.order_by("id").values_list("kind", "actor", "reason")
    assert list(recorded) == [(kind, "admin", "as agreed") for kind in ("staff", "staff", "rollback", "withdrawal")]


@pytest.mark.parametrize(("action", "message"), [("roll_back", "has never routed"), ("withdraw", "does not route")])
def test_action_that_does_not_fit_the_policy_says_why(admin_client: Client, action: str, message: str) -> None:
    assert message in confirm(admin_client, action, published())
    assert not PolicyActivation.objects.exists()


def test_action_takes_one_policy_and_a_reason(admin_client: Client) -> None:
    first, second = published(), published()
    assert "Select one policy" in run(admin_client, "activate", first, second, confirmed="yes", reason="both")
    assert 'name="reason"' in run(admin_client, "activate", first, confirmed="yes", reason=" ")
    assert policy_selectors.active(None) is None


def test_staff_who_may_only_look_cannot_change_what_routes(client: Client) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_policyversion"))
    client.force_login(viewer)
    confirm(client, "activate", published())
    assert policy_selectors.active(None) is None


def test_policy_shows_its_document_and_its_scope(admin_client: Client) -> None:
    team = factories.team("search", learns_alone=True)
    own = policies.publish(
        team=team, document=policy_domain.document([override()]), source="staff", actor="ada", now=NOW
    )
    page = admin_client.get(reverse("admin:routing_policyversion_change", args=[own.version])).content.decode()
    assert "team search" in page
    assert "&quot;avg_quality&quot;: 4.2" in page
