import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client

from monitoring.services import roles
from tests import factories

pytestmark = pytest.mark.django_db

PAGES = {
    "start": "/admin/",
    "ledger": "/admin/routing/ledgerentry/",
    "report": "/admin/reports/last-decisions/",
    "database": "/admin/database/",
    "new experiment": "/admin/experiments/experiment/add/",
    "retraining": "/admin/learning/retrainingrun/retrain",
    "new key": "/admin/accounts/apikey/add/",
    "new user": "/admin/auth/user/add/",
    "new group": "/admin/auth/group/add/",
}


@pytest.fixture(autouse=True)
def kept_roles() -> None:
    roles.keep()


def client_of(role: str) -> Client:
    user = User.objects.create_user(f"a-{role}", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def refused_to(role: str) -> set[str]:
    client = client_of(role)
    return {name for name, address in PAGES.items() if client.get(address).status_code == 403}


def test_a_viewer_reads_and_changes_nothing() -> None:
    assert refused_to("viewer") == {"database", "new experiment", "retraining", "new key", "new user", "new group"}


def test_an_operator_works_with_what_routes_but_not_with_keys_and_people() -> None:
    assert refused_to("operator") == {"new key", "new user", "new group"}


def test_an_admin_gives_roles_but_does_not_change_them() -> None:
    assert refused_to("admin") == {"new group"}


def test_an_operator_pauses_a_provider_and_a_viewer_does_not() -> None:
    provider = factories.provider("acme")
    action = {"action": "pause", "_selected_action": [provider.pk], "confirmed": "yes", "reason": "it is slow"}

    client_of("viewer").post("/admin/routing/provider/", action)
    provider.refresh_from_db()
    assert provider.is_enabled

    client_of("operator").post("/admin/routing/provider/", action)
    provider.refresh_from_db()
    assert not provider.is_enabled


def test_an_admin_makes_nobody_a_superuser_and_does_not_touch_one() -> None:
    someone = User.objects.create_user("someone")
    root = User.objects.create_superuser("root")
    client = client_of("admin")

    client.post(
        f"/admin/auth/user/{someone.pk}/change/",
        {
            "username": "someone",
            "is_active": "on",
            "is_staff": "on",
            "is_superuser": "on",
            "groups": [Group.objects.get(name="viewer").pk],
            "user_permissions": [Permission.objects.get(codename="change_group").pk],
            "date_joined_0": "2026-03-04",
            "date_joined_1": "12:00:00",
        },
    )

    someone.refresh_from_db()
    assert (someone.is_staff, someone.is_superuser) == (True, False)
    assert [group.name for group in someone.groups.all()] == ["viewer"]
    assert not someone.user_permissions.exists()
    assert client.get(f"/admin/auth/user/{root.pk}/password/").status_code == 403
    assert client.post(f"/admin/auth/user/{root.pk}/change/", {"username": "mine"}).status_code == 403


def test_migrating_restores_the_roles_and_leaves_members_and_other_groups_alone() -> None:
    viewer, own = Group.objects.get(name="viewer"), Group.objects.create(name="auditors")
    member = User.objects.create_user("member")
    member.groups.add(viewer)
    viewer.permissions.add(Permission.objects.get(codename="change_group"))
    own.permissions.add(Permission.objects.get(codename="view_group"))

    call_command("migrate", "monitoring", verbosity=0)

    assert not viewer.permissions.filter(codename="change_group").exists()
    assert list(own.permissions.values_list("codename", flat=True)) == ["view_group"]
    assert list(member.groups.all()) == [viewer]
