import json
from collections.abc import Callable

import pytest
from django.core.management.base import CommandError

from accounts.models import Budget, BudgetPeriod
from monitoring.models import Alert
from monitoring.services import alert_defaults, alerts
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db
Run = Callable[..., str]


@pytest.fixture(autouse=True)
def default_rules(db: None) -> None:
    alert_defaults.ensure()


@pytest.fixture
def alert() -> Alert:
    return Alert.objects.create(
        kind="memory-high", severity="warning", title="Memory runs out", state="firing", began_at=NOON, fired_at=NOON
    )


def test_what_fires_is_listed_and_what_is_over_only_when_asked(optimizer: Run, alert: Alert) -> None:
    alerts.raise_event("disk-full", "The disk is full.", severity="info", now=NOON)

    assert [row["what"] for row in json.loads(optimizer("alerts", "list", "--json"))] == ["Memory runs out"]
    assert len(json.loads(optimizer("alerts", "list", "--all", "--json"))) == 2
    assert "Memory runs out" in optimizer("alerts", "list")


def test_with_nothing_to_list_it_says_so(optimizer: Run) -> None:
    assert "Nothing fires" in optimizer("alerts", "list")


def test_an_alert_is_acknowledged_once(optimizer: Run, alert: Alert) -> None:
    assert "acknowledged by ada" in optimizer("alerts", "ack", str(alert.id), "--by", "ada", "--note", "on it")
    alert.refresh_from_db()
    assert (alert.acknowledged_by, alert.note) == ("ada", "on it")

    with pytest.raises(CommandError, match="ada acknowledged"):
        optimizer("alerts", "ack", str(alert.id))
    with pytest.raises(CommandError, match="no alert 999"):
        optimizer("alerts", "ack", "999")


def test_a_test_says_which_channels_cannot_be_reached(optimizer: Run) -> None:
    assert "delivered" in optimizer("alerts", "test", "--channel", "log")
    with pytest.raises(CommandError, match="Not delivered to slack"):
        optimizer("alerts", "test", "--channel", "slack")


def test_rules_are_evaluated_at_once(optimizer: Run) -> None:
    # Whatever memory this machine uses has been too much for no time at all.
    assert "0 alerts fire" in optimizer("alerts", "evaluate")


def test_validate_passes_on_an_empty_installation_and_asks_every_path(optimizer: Run) -> None:
    found = json.loads(optimizer("validate", "--json"))

    assert (found["pass_rate"], found["kind"], found["api_problems"]) == (1.0, "spot", [])
    assert found["api_operations"] > 50
    assert "The full check took" in optimizer("validate", "--full", "--skip-api")


def test_validate_fails_and_names_what_is_wrong(optimizer: Run) -> None:
    budget = Budget.objects.create(team=factories.team(), period="day", limit_nano_usd=100)
    BudgetPeriod.objects.create(budget=budget, period_start=NOON.date(), limit_nano_usd=100, spent_nano_usd=7)

    with pytest.raises(CommandError, match="1 of 7 checks"):
        optimizer("validate", "--skip-api")
