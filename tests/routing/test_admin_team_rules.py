import pytest
from django.test import Client

from accounts.models import Team
from accounts.services import config_version
from routing.models import TeamRule
from tests import factories

pytestmark = pytest.mark.django_db
ADD = "/admin/routing/teamrule/add/"


@pytest.fixture
def team() -> Team:
    provider = factories.provider("openai")
    factories.price(factories.language_model(provider, "gpt-small"))
    factories.price(factories.language_model(provider, "gpt-large"))
    return factories.team("search")


def asked(team: Team, **fields: str) -> dict[str, str]:
    given = {"kind": "route_pattern", "pattern": "code", "model": "openai/gpt-large", "max_tokens": "", "reason": "why"}
    return {"team": str(team.id), **given, **fields}


def test_rule_is_added_told_to_the_web_processes_and_removed(admin_client: Client, team: Team) -> None:
    number = config_version.current()
    admin_client.post(ADD, asked(team))
    rule = TeamRule.objects.get()
    assert (rule.model, rule.created_by, rule.reason, config_version.current()) == (
        "openai/gpt-large",
        "admin",
        "why",
        number + 1,
    )
    assert "gpt-large" in admin_client.get("/admin/routing/teamrule/").content.decode()
    admin_client.post(f"/admin/routing/teamrule/{rule.id}/delete/", {"post": "yes"})
    assert (TeamRule.objects.count(), config_version.current()) == (0, number + 2)


def test_another_rule_on_the_pattern_takes_its_place(admin_client: Client, team: Team) -> None:
    admin_client.post(ADD, asked(team))
    admin_client.post(ADD, asked(team, model="openai/gpt-small"))
    assert TeamRule.objects.get().model == "openai/gpt-small"


def test_what_makes_no_rule_is_refused_in_words(admin_client: Client, team: Team) -> None:
    shown = admin_client.post(ADD, asked(team, model="gpt-large")).content.decode()
    assert "no model that routing may choose" in shown
    assert not TeamRule.objects.exists()


def test_decision_shows_the_rules_that_concern_it(admin_client: Client, team: Team) -> None:
    admin_client.post(ADD, asked(team))
    _, secret = factories.api_key(team)
    client = Client(headers=factories.bearer(secret))
    decision = client.get("/routing/decision", {"prompt": "Write a Python function that sorts a list"}).json()
    assert (decision["strategy"], decision["model"], decision["confidence"]) == ("rule", "gpt-large", None)
    assert [(rule["kind"], rule["pattern"], rule["model"]) for rule in decision["rules"]] == [
        ("route_pattern", "code", "openai/gpt-large")
    ]
