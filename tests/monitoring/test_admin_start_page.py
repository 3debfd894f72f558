from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from accounts.models import Budget, BudgetPeriod
from experiments.models import Experiment
from learning.models import LearningAlert
from routing.models import LanguageModel, ModelPrice, PolicyVersion, Provider
from tests import factories

pytestmark = pytest.mark.django_db

START = "/admin/"


def text_of(client: Client) -> str:
    answer = client.get(START)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def titles_on(client: Client) -> dict[str, str]:
    return {concern.title: address for concern, address in client.get(START).context["concerns"]}


@pytest.fixture(autouse=True)
def no_shipped_catalog() -> None:
    """Leave nothing to complain of but what a test makes."""
    ModelPrice.objects.all().delete()
    LanguageModel.objects.all().delete()
    Provider.objects.all().delete()


def test_without_requests_the_page_says_how_to_send_the_first(admin_client: Client) -> None:
    text = text_of(admin_client)

    assert "No request yet" in text
    assert "curl http://testserver/v1/chat/completions" in text
    assert "Nothing: no open alerts" in text


def test_the_day_is_shown_against_the_same_part_of_yesterday(admin_client: Client) -> None:
    team, now = factories.team(), timezone.now()
    # 0.001 dollars against 0.003 of the baseline: two thirds are saved.
    factories.ledger_entry(team, created_at=now)
    factories.ledger_entry(team, created_at=now - timedelta(days=1, minutes=1), cost_nano_usd=2_000_000)

    page = admin_client.get(START).context["start"]

    assert (page.today.requests, page.today.cost_nano_usd, page.baselines) == (1, 1_000_000, ["gpt-large"])
    assert "66.7% of the cost of gpt-large" in text_of(admin_client)


def test_what_waits_for_somebody_is_listed_with_the_page_where_it_is_done(admin_client: Client) -> None:
    team, now = factories.team("builders"), timezone.now()
    budget = Budget.objects.create(team=team, period="day", limit_nano_usd=10_000_000_000)
    BudgetPeriod.objects.create(
        budget=budget, period_start=now.date(), limit_nano_usd=10_000_000_000, spent_nano_usd=8_000_000_000
    )
    factories.provider("old", name="Old Vendor", is_enabled=False)
    factories.language_model(factories.provider("acme"), "small")
    alert = LearningAlert.objects.create(kind="vote_anomaly", pattern="code", message="too many", raised_at=now)
    PolicyVersion.objects.create(source="staff", document={}, content_hash="0" * 64, created_by="casey", created_at=now)

    assert titles_on(admin_client) == {
        "Budget of builders is nearly spent": "/admin/accounts/budget/",
        "Unusual ratings: the pattern is frozen": f"/admin/learning/learningalert/{alert.pk}/change/",
        "1 model without a price": "/admin/routing/languagemodel/",
        "1 provider paused": "/admin/routing/provider/?is_enabled__exact=0",
        "1 candidate policy waiting": "/admin/routing/policyversion/?state__exact=candidate",
    }


def ended_experiment(winner: str) -> Experiment:
    now = timezone.now()
    return Experiment.objects.create(
        name=f"{winner} wins",
        status=Experiment.Status.COMPLETED,
        control_strategy="complexity",
        test_strategy="hybrid",
        arms=[{"name": "control"}, {"name": "test"}],
        created_by="casey",
        started_at=now,
        phase_started_at=now,
        ended_at=now,
        winner=winner,
    )


def test_an_experiment_waits_for_a_decision_only_where_something_else_than_the_control_won(
    admin_client: Client,
) -> None:
    ended_experiment("control")
    won = ended_experiment("test")

    assert titles_on(admin_client) == {
        "Experiment test wins waits for a decision": f"/admin/experiments/experiment/{won.pk}/change/"
    }


def test_concerns_of_tables_that_a_person_may_not_see_are_left_out(client: Client) -> None:
    factories.provider("old", is_enabled=False)
    client.force_login(User.objects.create_user("newcomer", is_staff=True))

    assert titles_on(client) == {}
