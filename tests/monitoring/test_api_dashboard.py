"""The pages for people who watch, and the document they are filled from."""

import re
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from accounts.models import ConfigVersion, Team
from accounts.services import budgets, config_version
from routing.services import snapshot
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    # A number not used before in this process: documents are kept by it.
    ConfigVersion.objects.create(id=config_version.ROW_ID, version=time.monotonic_ns())
    client = Client()
    client.force_login(factories.staff("casey", role="viewer"))
    return client


def a_request(team: Team, **fields) -> None:
    """Write one request of a second ago."""
    at = timezone.now() - timedelta(seconds=1)
    factories.ledger_entry(team, **{"created_at": at, "settled_at": at, **fields})


@pytest.mark.parametrize("path", ["/dashboard/", "/dashboard", "/dashboard/data", "/dashboard/decide"])
def test_only_staff_see_the_pages(path: str) -> None:
    visitor = Client()
    visitor.force_login(User.objects.create_user("visitor"))

    for client in (Client(), visitor):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["location"][:14]) == (302, "/admin/login/?")


@pytest.mark.parametrize("path", ["/dashboard/", "/dashboard/decide"])
def test_pages_run_no_script_but_ours_and_take_nothing_from_elsewhere(staff: Client, path: str) -> None:
    answer = staff.get(path)

    policy, page = answer.headers["Content-Security-Policy"], answer.content.decode()
    assert re.search(r"script-src 'self'(;|$)", policy)
    assert re.search(r"style-src 'self'(;|$)", policy)
    assert re.findall(r'(?:src|href)="(?:https?:)?//', page) == []
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", page) == []
    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        assert staff.get(address).status_code == 200


def test_the_document_has_figures_series_and_parts_that_agree(staff: Client) -> None:
    team = factories.team("alpha")
    a_request(team, provider="openai", served_model="small", pattern="code")
    a_request(team, provider="openai", served_model="large", pattern="factual", state="failed", cost_nano_usd=500_000)
    factories.feedback(team, created_at=timezone.now(), served_model="small", quality_score=5)

    page = staff.get("/dashboard/data?period=24h").json()

    # 0.001 and 0.0005 dollars were spent; each would have cost 0.003.
    assert (page["totals"]["requests"], page["totals"]["failed"], page["totals"]["cost_usd"]) == (2, 1, 0.0015)
    assert sum(point["requests"] for point in page["series"]) == 2
    assert {part["model"]: part["requests"] for part in page["models"]} == {"small": 1, "large": 1}
    assert {part["pattern"] for part in page["patterns"]} == {"code", "factual"}
    assert page["baseline_models"] == ["gpt-large"]
    assert page["quality"] == [
        {"provider": "openai", "model": "small", "ratings": 1, "avg_score": 5.0, "correctness_rate": 1.0}
    ]
    assert page["live"]["total_decisions"] == 2
    assert page["is_empty"] is False


def test_the_document_of_a_team_holds_nothing_of_another(staff: Client) -> None:
    alpha, beta = factories.team("alpha"), factories.team("beta")
    a_request(alpha)
    a_request(beta, reasoning="CANARY", provider="CANARY")
    factories.feedback(beta, created_at=timezone.now(), served_model="CANARY")
    budgets.set_budget(team=beta, period="day", limit_nano_usd=10**9, today=timezone.now().date())

    answer = staff.get("/dashboard/data?team=alpha")

    assert answer.json()["totals"]["requests"] == 1
    assert answer.json()["budgets"] == []
    assert b"CANARY" not in answer.content


def test_the_document_is_empty_until_the_first_request_and_then_at_once_not(staff: Client) -> None:
    team = factories.team("alpha")
    before = staff.get("/dashboard/data").json()["is_empty"]

    a_request(team)

    assert (before, staff.get("/dashboard/data").json()["is_empty"]) == (True, False)


def test_an_unknown_team_or_period_is_no_page(staff: Client) -> None:
    asked = [f"{path}?{query}" for path in ("/dashboard/", "/dashboard/data") for query in ("team=nobody", "period=1w")]

    assert [staff.get(address).status_code for address in asked] == [404] * 4


def test_a_prompt_is_compared_over_all_strategies(staff: Client) -> None:
    provider = factories.provider("openai")
    factories.price(factories.language_model(provider, "small", tier="simple"), "0.10", "0.10")
    factories.price(factories.language_model(provider, "large", tier="complex"), "9.00", "9.00")
    snapshot.reset()

    answer = staff.post("/dashboard/decide", {"prompt": "What is the capital of Norway?", "team": ""})

    comparison = answer.context["comparison"]
    assert answer.status_code == 200
    assert [outcome.asked for outcome in comparison.outcomes] == [
        "auto",
        "auto:complexity",
        "auto:learning",
        "auto:hybrid",
    ]
    assert comparison.active.decision.chosen.model.name == "small"
    assert comparison.baseline.name == "large"
    assert comparison.baseline_cost_usd > comparison.active.decision.chosen.expected_cost_usd


def test_a_prompt_that_is_empty_or_too_long_is_refused_in_words(staff: Client) -> None:
    for prompt, words in (("", "This field is required."), ("x" * 10_001, "at most 10000 characters")):
        answer = staff.post("/dashboard/decide", {"prompt": prompt})
        assert answer.status_code == 422
        assert words in answer.content.decode()
