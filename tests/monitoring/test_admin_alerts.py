"""The admin's pages of alerts: rules are edited and tested, alerts acknowledged, messages sent again."""

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from monitoring.models import Alert, AlertChannel, AlertDelivery, AlertRule
from monitoring.services import alert_defaults, alerts, channels, deliveries
from tests.factories import NOON

pytestmark = pytest.mark.django_db

BASE = "/admin/monitoring/"


@pytest.fixture(autouse=True)
def default_rules(db: None) -> None:
    alert_defaults.ensure()


@pytest.fixture
def alert() -> Alert:
    made = alerts.raise_event("disk-full", "The disk is full.", severity="critical", now=NOON)
    assert made is not None
    return made


def told(client: Client, path: str, body: dict[str, object]) -> list[str]:
    answer = client.post(f"{BASE}{path}", body)
    return [str(message) for message in get_messages(answer.wsgi_request)]


@pytest.mark.parametrize("page", ["alertrule", "alertchannel", "alert", "alertdelivery", "integritycheck"])
def test_every_list_opens(admin_client: Client, alert: Alert, page: str) -> None:
    deliveries.send_due(now=NOON)

    assert admin_client.get(f"{BASE}{page}/").status_code == 200


def test_a_rule_is_changed_by_staff_and_stays_so(admin_client: Client) -> None:
    rule = AlertRule.objects.get(slug="feedback-backlog")
    page = f"alertrule/{rule.id}/change/"
    assert (
        "linked ratings that no retraining has read yet" in admin_client.get(f"{BASE}{page}").content.decode().lower()
    )
    fields = ("title", "measure", "comparison", "window_seconds", "hold_seconds", "min_samples", "severity", "advice")
    body = {name: getattr(rule, name) for name in fields} | {"threshold": "5000", "channels": ["slack", "log"]}

    admin_client.post(f"{BASE}{page}", body)

    alert_defaults.ensure()
    rule.refresh_from_db()
    # The box of is_enabled was not ticked.
    assert (rule.threshold, rule.channels, rule.is_enabled) == (5000, ["slack", "log"], False)


def test_a_rule_is_tested_over_its_channels(admin_client: Client) -> None:
    AlertRule.objects.filter(slug="memory-high").update(channels=["log", "slack"])
    rule = AlertRule.objects.get(slug="memory-high")

    found = told(admin_client, "alertrule/", {"action": "send_test", "_selected_action": [rule.id]})

    assert found[0] == "Log: delivered."
    assert "ALERT_SLACK_URL" in found[1]
    assert Alert.objects.get().title == "Test: Memory runs out"


def test_an_address_is_entered_and_never_shown(admin_client: Client) -> None:
    channel = AlertChannel.objects.get(name="slack")
    page = f"{BASE}alertchannel/{channel.id}/change/"
    address = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7"

    refused = admin_client.post(page, {"severities": ["warning"], "new_address": "pigeon://loft", "is_enabled": "on"})
    assert "docs/ALERTS.md" in refused.content.decode()
    admin_client.post(page, {"severities": ["warning", "critical"], "new_address": address, "is_enabled": "on"})

    assert channels.address("slack") == address
    assert AlertChannel.objects.get(name="slack").severities == ["warning", "critical"]
    shown = admin_client.get(page).content.decode()
    assert "slack://T...2/A...D/T...7" in shown
    assert "TIiajkdnlazkcOXrIdevi7" not in shown
    admin_client.post(page, {"forget_address": "on", "is_enabled": "on"})
    assert channels.address("slack") is None


def test_an_alert_is_acknowledged_with_a_note(admin_client: Client, alert: Alert) -> None:
    body = {"action": "acknowledge", "_selected_action": [alert.id]}
    assert "Acknowledge?" in admin_client.post(f"{BASE}alert/", body).content.decode()

    admin_client.post(f"{BASE}alert/", {**body, "confirmed": "yes", "reason": "making room"})

    alert.refresh_from_db()
    assert (alert.acknowledged_by, alert.note) == ("admin", "making room")


def test_a_message_that_was_given_up_is_sent_again(admin_client: Client, alert: Alert) -> None:
    deliveries.send_due(now=NOON)
    lost = AlertDelivery.objects.get(channel="pagerduty")
    assert lost.state == "undelivered"

    admin_client.post(f"{BASE}alertdelivery/", {"action": "send_again", "_selected_action": [lost.id]})

    lost.refresh_from_db()
    assert lost.state == "waiting"
    assert admin_client.get(f"{BASE}alert/{alert.id}/change/").status_code == 200


def test_the_start_page_names_what_fires_and_was_not_delivered(admin_client: Client) -> None:
    rule = AlertRule.objects.get(slug="unpriced-traffic")
    firing = Alert.objects.create(
        rule=rule, kind=rule.slug, severity="critical", title=rule.title, state="firing", began_at=NOON, fired_at=NOON
    )
    AlertDelivery.objects.create(alert=firing, channel="slack", event="firing", state="undelivered", created_at=NOON)

    found = {concern.title: address for concern, address in admin_client.get("/admin/").context["concerns"]}

    assert found["Requests of unknown cost"] == f"{BASE}alert/{firing.id}/change/"
    assert found["1 alert message not delivered"] == f"{BASE}alertdelivery/?state__exact=undelivered"
