from collections.abc import Iterator
from pathlib import Path

import pytest
from apprise.plugins import pagerduty, slack
from django.test import override_settings

from accounts.services import telemetry
from monitoring.services import alert_defaults
from tests.monitoring.alerts.receivers import Received, http_receiver, smtp_receiver


@pytest.fixture(autouse=True)
def default_rules(db: None) -> None:
    """Have the rules and channels of a new installation, also after a test that emptied the tables."""
    alert_defaults.ensure()


@pytest.fixture(autouse=True)
def own_counters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> telemetry.Telemetry:
    """Let rules see only what the test counts."""
    monkeypatch.setattr(telemetry.own, "directory", tmp_path)
    return telemetry.Telemetry(tmp_path)


@pytest.fixture(autouse=True)
def addresses() -> Iterator[dict[str, str]]:
    """Hold the environment's addresses by channel: none, but what the test puts in."""
    found: dict[str, str] = {}
    with override_settings(ALERT_ADDRESSES=found):
        yield found


@pytest.fixture
def receiver() -> Iterator[Received]:
    with http_receiver() as received:
        yield received


@pytest.fixture
def mailbox() -> Iterator[Received]:
    with smtp_receiver() as received:
        yield received


@pytest.fixture
def slack_address(receiver: Received, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return an address of Slack, whose server is the receiver."""
    monkeypatch.setattr(slack.NotifySlack, "webhook_url", f"{receiver.url}/services")
    return "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7?cto=30&rto=30"


@pytest.fixture
def pagerduty_address(receiver: Received, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return an address of PagerDuty, whose server is the receiver."""
    monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "us", f"{receiver.url}/v2/enqueue")
    return "pagerduty://integrationkey0123456789@unused?cto=30&rto=30"
