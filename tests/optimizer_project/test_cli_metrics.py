import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management.base import CommandError

from routing.models import UsageBucket
from routing.services import rollups
from tests import factories

pytestmark = pytest.mark.django_db
Run = Callable[..., str]


@pytest.fixture
def rolled_up() -> datetime:
    """One request two hours ago, rolled up."""
    moment = datetime.now(UTC) - timedelta(hours=2)
    factories.ledger_entry(factories.team("builders"), created_at=moment)
    rollups.roll(now=datetime.now(UTC))
    return moment


@pytest.mark.usefixtures("rolled_up")
def test_metrics_are_shown_for_people_and_for_programs(optimizer: Run) -> None:
    assert "1 requests in 7 days cost 0.001 USD and saved 0.002 USD." in optimizer("metrics", "show")
    assert json.loads(optimizer("metrics", "show", "--team", "builders", "--json"))["total_decisions"] == 1


@pytest.mark.usefixtures("rolled_up")
def test_roll_ups_that_agree_with_the_ledger_are_said_to(optimizer: Run) -> None:
    assert optimizer("metrics", "verify") == "The roll-ups agree with the ledger.\n"


@pytest.mark.usefixtures("rolled_up")
def test_roll_ups_that_differ_fail_and_are_rebuilt(optimizer: Run) -> None:
    UsageBucket.objects.filter(span="hour").update(figures="{}")

    with pytest.raises(CommandError, match=r"differ from the ledger\. Make them anew with: .* metrics rebuild"):
        optimizer("metrics", "verify")
    assert optimizer("metrics", "rebuild", "--days", "2") == "Hours rolled up anew: 1.\n"
    assert "agree" in optimizer("metrics", "verify", "--days", "2")


@pytest.mark.usefixtures("rolled_up")
def test_stats_are_those_of_the_api(optimizer: Run) -> None:
    factories.ledger_entry(factories.team("others"), is_simulated=True, provider="simulated", served_model="large")

    shown = optimizer("stats")

    assert "openai/gpt-small  1         0       0           0.001      0.002" in shown
    assert "Saved against gpt-large: 0.002 USD" in shown
    # A thousandth of a dollar that nobody charges.
    assert "1 requests went to models that run beside the product: their notional cost of 0.001 USD is in no" in shown
    assert json.loads(optimizer("stats", "--team", "builders", "--json"))["totals"]["requests"] == 1
