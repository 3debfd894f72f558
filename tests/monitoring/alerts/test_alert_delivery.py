"""Messages arrive at real receivers, by each protocol, and none is lost on the way."""

from datetime import timedelta
from typing import Any

import pytest

from monitoring.models import Alert, AlertChannel, AlertDelivery
from monitoring.services import alerts, channels, deliveries
from tests.factories import NOON
from tests.monitoring.alerts.receivers import Received

pytestmark = pytest.mark.django_db
State = AlertDelivery.State


def raised(severity: str, key: str | None = None) -> Alert:
    alert = alerts.raise_event("disk-full", "The disk is full.", severity=severity, key=key, now=NOON)
    assert alert is not None
    return alert


def sent_to(channel: str) -> AlertDelivery:
    return AlertDelivery.objects.get(channel=channel)


def test_a_critical_event_opens_an_incident_at_pagerduty(
    addresses: dict[str, str], receiver: Received, pagerduty_address: str
) -> None:
    addresses["pagerduty"] = pagerduty_address
    alert = raised("critical")

    alerts.evaluate(now=NOON)

    ((path, body),) = receiver.requests
    assert path == "/v2/enqueue"
    assert body["routing_key"] == "integrationkey0123456789"
    assert body["event_action"] == "trigger"
    assert body["dedup_key"] == f"ai-cost-optimizer-alert-{alert.id}"
    assert body["payload"]["severity"] == "critical"
    assert "[critical] Disk full" in body["payload"]["summary"]
    assert sent_to("pagerduty").state == State.DELIVERED


def test_a_warning_goes_to_slack(addresses: dict[str, str], receiver: Received, slack_address: str) -> None:
    addresses["slack"] = slack_address
    raised("warning")

    alerts.evaluate(now=NOON)

    ((path, body),) = receiver.requests
    assert path == "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7"
    assert "The disk is full." in str(body)
    assert sent_to("slack").state == State.DELIVERED


def test_news_goes_to_the_log_and_by_mail(
    addresses: dict[str, str], mailbox: Received, caplog: pytest.LogCaptureFixture
) -> None:
    addresses["email"] = f"mailto://{mailbox.url}?from=alerts@example.com&to=ops@example.com"
    caplog.set_level("INFO", logger="monitoring")
    raised("info")

    alerts.evaluate(now=NOON)

    (mail,) = mailbox.mails
    assert (mail["To"], mail["Subject"]) == ("ops@example.com", "[info] Disk full")
    assert "[info] Disk full: The disk is full." in caplog.messages
    assert {sent_to("email").state, sent_to("log").state} == {State.DELIVERED}


def test_a_webhook_is_told_where_it_takes_a_severity(addresses: dict[str, str], receiver: Received) -> None:
    addresses["webhook"] = receiver.url.replace("http://", "json://") + "/hook"
    AlertChannel.objects.filter(name="webhook").update(severities=["critical"])
    AlertChannel.objects.filter(name="pagerduty").update(is_enabled=False)
    raised("critical")

    alerts.evaluate(now=NOON)

    ((path, body),) = receiver.requests
    assert (path, body["title"], body["message"], body["type"]) == (
        "/hook",
        "[critical] Disk full",
        "The disk is full.",
        "failure",
    )


def test_a_receiver_that_is_down_is_tried_again_until_it_is_given_up_and_later_delivered(
    addresses: dict[str, str], receiver: Received, slack_address: str
) -> None:
    addresses["slack"] = slack_address
    receiver.status = 500
    raised("warning")
    now = NOON

    alerts.evaluate(now=now)
    failed = sent_to("slack")
    # Half a minute after the first failure it is tried again, no sooner.
    assert (failed.state, failed.attempts, failed.next_attempt_at) == (State.WAITING, 1, NOON + timedelta(seconds=30))
    assert "500" in failed.error
    deliveries.send_due(now=NOON + timedelta(seconds=29))
    assert sent_to("slack").attempts == 1
    for _ in range(7):
        now += timedelta(hours=1)
        deliveries.send_due(now=now)
    given_up = sent_to("slack")
    assert (given_up.state, given_up.attempts) == (State.UNDELIVERED, 8)

    receiver.status = 200
    deliveries.send_again([given_up], now=now)
    deliveries.send_due(now=now)
    assert sent_to("slack").state == State.DELIVERED
    assert len(receiver.requests) == 1


def test_without_an_address_a_message_is_kept_as_undelivered_and_says_what_to_set(
    addresses: dict[str, str], receiver: Received, slack_address: str
) -> None:
    raised("warning")

    alerts.evaluate(now=NOON)

    kept = sent_to("slack")
    assert kept.state == State.UNDELIVERED
    assert "ALERT_SLACK_URL" in kept.error
    addresses["slack"] = slack_address
    deliveries.send_again([kept], now=NOON)
    deliveries.send_due(now=NOON)
    assert sent_to("slack").state == State.DELIVERED


def test_an_event_with_a_key_is_told_once() -> None:
    raised("info", key="disk:1")

    assert alerts.raise_event("disk-full", "Again.", severity="info", key="disk:1", now=NOON) is None
    assert Alert.objects.count() == 1


def test_an_address_is_stored_encrypted_and_shown_masked(receiver: Received, slack_address: str) -> None:
    channel = AlertChannel.objects.get(name="slack")

    channels.set_address(channel, slack_address)

    channel.refresh_from_db()
    assert b"TIiajkdnlazkcOXrIdevi7" not in bytes(channel.encrypted_address or b"")
    assert channels.address("slack") == slack_address
    assert channels.masked("slack") == "slack://T...2/A...D/T...7//"


def test_an_address_that_no_service_has_is_refused() -> None:
    with pytest.raises(channels.InvalidAddress, match=r"docs/ALERTS\.md"):
        channels.set_address(AlertChannel.objects.get(name="slack"), "carrier-pigeon://loft")


def test_no_secret_of_an_address_is_logged_or_kept_with_an_error(
    addresses: dict[str, str], receiver: Received, slack_address: str, caplog: pytest.LogCaptureFixture
) -> None:
    addresses |= {"slack": slack_address, "pagerduty": "json://localhost:9/secret-token-0123456789"}
    receiver.status = 403
    caplog.set_level("INFO")
    raised("warning")
    raised("critical")

    alerts.evaluate(now=NOON)

    told = [*caplog.messages, *AlertDelivery.objects.values_list("error", flat=True)]
    assert len(told) >= 4
    assert [text for text in told if "TIiajkdnlazkcOXrIdevi7" in text or "secret-token" in text] == []


def test_a_test_message_says_who_sends_it_and_what_became_of_it(
    addresses: dict[str, str], receiver: Received, slack_address: str
) -> None:
    addresses["slack"] = slack_address

    made = alerts.send_test(actor="ada", now=NOON)

    states: dict[str, Any] = {delivery.channel: delivery.state for delivery in made}
    assert states == {
        "email": State.UNDELIVERED,
        "log": State.DELIVERED,
        "pagerduty": State.UNDELIVERED,
        "slack": State.DELIVERED,
        "webhook": State.UNDELIVERED,
    }
    assert "ada sends this" in str(receiver.requests)


def test_what_still_fires_is_told_once_the_channel_has_an_address(receiver: Received, slack_address: str) -> None:
    alert = Alert.objects.create(
        kind="memory-high", severity="warning", title="Memory runs out", state="firing", began_at=NOON, fired_at=NOON
    )
    over = Alert.objects.create(kind="api-errors", severity="warning", title="Over", state="resolved", began_at=NOON)
    deliveries.enqueue(alert, "firing", ["slack"], now=NOON)
    deliveries.send_due(now=NOON)
    deliveries.enqueue(over, "firing", ["slack"], now=NOON)
    deliveries.send_due(now=NOON)
    assert receiver.requests == []

    channels.set_address(AlertChannel.objects.get(name="slack"), slack_address)
    deliveries.hurry("slack", now=NOON)
    deliveries.send_due(now=NOON)

    assert len(receiver.requests) == 1
    assert "Memory runs out" in str(receiver.requests)
