"""Every action that changes something asks first, needs a reason, and is recorded with who did it and why."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from accounts.services import second_factor
from learning.models import LearningAlert, LearningOverride
from routing.domain import policy as policy_domain
from routing.models import LanguageModel, PolicyVersion, Provider
from routing.services import policies
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def a_key() -> Any:
    return factories.api_key()[0]


def a_price() -> LanguageModel:
    return factories.price(factories.language_model(), source="staff").language_model


def a_policy() -> PolicyVersion:
    return policies.publish(team=None, document=policy_domain.document(), source="staff", actor="ada", now=NOW)


def an_alert() -> LearningAlert:
    return LearningAlert.objects.create(kind="vote_anomaly", pattern="code", message="too many", raised_at=NOW)


def an_override() -> LearningOverride:
    model = factories.language_model(factories.provider("acme"), "small")
    factories.price(model)
    return LearningOverride.objects.create(
        pattern="code",
        provider="acme",
        model="small",
        confidence="high",
        confidence_score=0.9,
        sample_count=12,
        avg_quality=4.5,
        status="revoked",
        reason="the best rated",
        created_at=NOW,
    )


def someone() -> User:
    return User.objects.create_user("someone", is_staff=True)


def a_paused_provider() -> Provider:
    return factories.provider(is_enabled=False)


ACTIONS: list[tuple[Callable[[], Any], str, str]] = [
    (a_key, "revoke", "Revoke"),
    (factories.provider, "pause", "Pause"),
    (a_paused_provider, "resume", "Resume"),
    (a_price, "withdraw_staff_price", "Withdraw staff prices"),
    (a_policy, "activate", "Route by policy"),
    (an_alert, "resolve", "Resolve"),
    (an_override, "activate", "Activate"),
    (someone, "remove_second_factor", "Remove the second factor"),
]


@pytest.mark.parametrize(("make", "action", "recorded"), ACTIONS, ids=[f"{m.__name__}-{a}" for m, a, _ in ACTIONS])
def test_an_action_asks_first_and_is_recorded_with_its_reason(
    admin_client: Client, make: Callable[[], Any], action: str, recorded: str
) -> None:
    row = make()
    options = row._meta
    url = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    chosen = {"action": action, "_selected_action": [row.pk]}
    before = type(row).objects.values().get(pk=row.pk)

    asked = admin_client.post(url, chosen).content.decode()
    empty = admin_client.post(url, {**chosen, "confirmed": "yes", "reason": "  "}).content.decode()

    assert 'name="reason"' in asked
    assert 'name="reason"' in empty
    assert type(row).objects.values().get(pk=row.pk) == before
    assert not LogEntry.objects.exists()

    admin_client.post(url, {**chosen, "confirmed": "yes", "reason": "as agreed"}, follow=True)

    entry = LogEntry.objects.get()
    assert (entry.user.get_username(), entry.object_id) == ("admin", str(row.pk))
    assert entry.change_message.startswith(recorded)
    assert entry.change_message.endswith(": as agreed")
    history = admin_client.get("/admin/admin/logentry/").content.decode()
    assert "as agreed" in history
    assert reverse(f"admin:{options.app_label}_{options.model_name}_change", args=(row.pk,)) in history


def test_what_is_refused_is_told_and_not_recorded(admin_client: Client) -> None:
    policy = a_policy()
    url = reverse("admin:routing_policyversion_changelist")
    body = {"action": "roll_back", "_selected_action": [policy.pk], "confirmed": "yes", "reason": "as agreed"}

    assert "has never routed" in admin_client.post(url, body, follow=True).content.decode()
    assert not LogEntry.objects.exists()


def test_only_a_superuser_removes_the_second_factor_of_one(client: Client) -> None:
    root = User.objects.create_superuser("root")
    device = second_factor.begin(root)
    device.confirmed = True
    device.save()
    client.force_login(factories.staff("boss", role="admin"))
    body = {"action": "remove_second_factor", "_selected_action": [root.pk], "confirmed": "yes", "reason": "mine"}

    shown = client.post("/admin/auth/user/", body, follow=True).content.decode()

    assert "Only a superuser" in shown
    assert second_factor.device_of(root) == device
