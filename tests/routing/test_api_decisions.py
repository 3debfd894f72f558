import pytest
from django.test import Client

from routing.models import LedgerEntry
from routing.services import breakers, snapshot
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    _, secret = factories.api_key()
    return Client(headers=factories.bearer(secret))


@pytest.fixture(autouse=True)
def catalog():
    provider = factories.provider("openai")
    for tier, rate in (("simple", "1.00"), ("moderate", "10.00"), ("complex", "100.00")):
        factories.price(factories.language_model(provider, f"gpt-{tier}", tier=tier), rate, rate)


@pytest.mark.parametrize("path", ["/recommendation", "/routing/decision"])
def test_the_decision_for_a_prompt_is_explained_and_spends_nothing(client, path):
    answer = client.get(path, {"prompt": "What is the capital of Norway?"})

    found = answer.json()
    assert answer.status_code == 200
    assert (found["strategy"], found["provider"], found["model"]) == ("complexity", "openai", "gpt-simple")
    assert (found["pattern"], found["complexity_tier"], found["propensity"]) == ("factual", "simple", 1)
    assert [candidate["model"] for candidate in found["candidates"]] == ["gpt-simple", "gpt-moderate", "gpt-complex"]
    assert 0 < found["expected_cost_usd"] == found["candidates"][0]["expected_cost_usd"]
    assert found["candidates"][0]["simulated"] is False
    assert "simple" in found["reasoning"]
    assert not LedgerEntry.objects.exists()


def test_a_strategy_named_wins_over_auto_route(client):
    named = client.get("/routing/decision", {"prompt": "Hi", "auto_route": "true", "strategy": "complexity"}).json()
    automatic = client.get("/routing/decision", {"prompt": "Hi", "auto_route": "true"}).json()

    assert "no learned policy" not in named["reasoning"]
    assert "no learned policy" in automatic["reasoning"]


def test_an_unknown_strategy_is_refused_with_the_names_of_the_known_ones(client):
    answer = client.get("/routing/decision", {"prompt": "Hi", "strategy": "coin-toss"})

    assert answer.status_code == 422
    [issue] = answer.json()["detail"]
    assert (issue["loc"], issue["type"]) == (["query", "strategy"], "unknown_strategy")
    assert "complexity" in issue["msg"]


@pytest.mark.parametrize("path", ["/recommendation", "/routing/decision"])
@pytest.mark.parametrize("query", ["", "?prompt=", f"?prompt={'x' * 10_001}", "?prompt=a%00b"])
def test_a_prompt_that_is_missing_empty_too_long_or_unstorable_is_refused(client, path, query):
    answer = client.get(path + query)

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", "prompt"]


@pytest.mark.parametrize("prompt", [" ", "x" * 10_000, "ünïcödé 🦊", "a\nb", "%ff%fe"])
def test_any_other_prompt_is_decided(client, prompt):
    assert client.get("/recommendation", {"prompt": prompt}).status_code == 200


def test_without_any_model_open_to_routing_the_answer_says_so(client):
    breakers_of_all = [breakers.of(model) for model in snapshot.current().models]
    for breaker in breakers_of_all:
        for _ in range(5):
            breaker.record_failure(now=1e9)

    answer = client.get("/recommendation", {"prompt": "Hi"})

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "3 unavailable" in answer.json()["detail"]


def test_decisions_are_refused_without_a_key():
    assert Client().get("/recommendation", {"prompt": "Hi"}).status_code == 401


def test_a_prompt_does_not_reach_the_logs(client, caplog, capfd):
    client.get("/recommendation", {"prompt": "canary-in-the-query"})

    output = capfd.readouterr()
    assert "/recommendation" in caplog.text
    assert "canary" not in caplog.text + output.out + output.err
