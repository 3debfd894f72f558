import pytest
from django.test import Client

from routing.domain.catalog import ModelSpec
from routing.models import LanguageModel, Provider
from routing.services import breakers, snapshot
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    _, secret = factories.api_key()
    return Client(headers=factories.bearer(secret))


@pytest.fixture
def small_model() -> LanguageModel:
    model = factories.language_model(factories.provider("openai"), "gpt-small", tier="simple")
    factories.price(model, "0.15", "0.60", cached_input_usd_per_mtok="0.075")
    return model


def spec_of(name: str) -> ModelSpec:
    return snapshot.current().resolve(name)[0]


def test_models_are_listed_in_the_shape_of_openai(client, small_model):
    listed = client.get("/v1/models").json()

    assert listed["object"] == "list"
    assert [model["id"] for model in listed["data"]] == [
        "auto",
        "auto:complexity",
        "auto:learning",
        "auto:hybrid",
        "openai/gpt-small",
    ]
    assert listed["data"][-1] == {
        "id": "openai/gpt-small",
        "object": "model",
        "created": 0,
        "owned_by": "openai",
        "provider": "openai",
        "name": "gpt-small",
        "tier": "simple",
        "price": {
            "input_usd_per_mtok": 0.15,
            "output_usd_per_mtok": 0.6,
            "cached_input_usd_per_mtok": 0.075,
            "request_usd": 0,
        },
        "simulated": False,
    }


def test_a_price_keeps_its_digits(client, small_model):
    assert b'"input_usd_per_mtok":0.15,"output_usd_per_mtok":0.6,' in client.get("/v1/models").content


def test_models_that_would_be_refused_are_not_listed(client, small_model):
    factories.language_model(small_model.provider, "unpriced")
    factories.language_model(small_model.provider, "unpriced-but-allowed", allow_unpriced=True)
    factories.price(factories.language_model(small_model.provider, "paused", is_enabled=False))
    factories.price(factories.language_model(factories.provider("keyless", needs_key=True), "out-of-reach"))

    listed = client.get("/v1/models").json()["data"]

    assert [model["id"] for model in listed][4:] == ["openai/gpt-small", "openai/unpriced-but-allowed"]
    assert listed[-1]["price"] is None


@pytest.mark.parametrize("name", ["openai/gpt-small", "gpt-small", "gpt-small/", "openai/gpt-small/"])
def test_a_model_is_found_by_every_name_it_can_be_asked_for(client, small_model, name):
    assert client.get(f"/v1/models/{name}").json()["id"] == "openai/gpt-small"


def test_auto_is_found_like_a_model(client):
    assert client.get("/v1/models/auto:hybrid").json()["owned_by"] == "ai-cost-optimizer"


def test_an_unknown_model_is_answered_as_openai_does(client):
    answer = client.get("/v1/models/no-such-model")

    assert answer.status_code == 404
    assert answer.json() == {
        "error": {
            "message": "Model 'no-such-model' does not exist here. GET /v1/models lists what does.",
            "type": "invalid_request_error",
            "code": "model_not_found",
            "param": "model",
        }
    }


def test_a_wrong_key_is_answered_as_openai_does():
    answer = Client(headers=factories.bearer("aco_wrong_key")).get("/v1/models")

    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "authentication_error"


def test_providers_are_listed_with_their_models_and_what_stands_in_their_way(client, small_model):
    factories.language_model(factories.provider("keyless", needs_key=True, priority=200), "unpriced", tier="")

    listed = client.get("/providers").json()["providers"]

    assert listed == [
        {
            "provider": "openai",
            "name": "Openai",
            "kind": "openai_compatible",
            "configured": True,
            "available": True,
            "breaker": "closed",
            "simulated": False,
            "models": [
                {
                    "name": "gpt-small",
                    "tier": "simple",
                    "is_routable": True,
                    "breaker": "closed",
                    "price": {
                        "input_usd_per_mtok": 0.15,
                        "output_usd_per_mtok": 0.6,
                        "cached_input_usd_per_mtok": 0.075,
                        "request_usd": 0,
                    },
                }
            ],
        },
        {
            "provider": "keyless",
            "name": "Keyless",
            "kind": "openai_compatible",
            "configured": False,
            "available": False,
            "breaker": "closed",
            "simulated": False,
            "models": [{"name": "unpriced", "tier": None, "is_routable": True, "breaker": "closed", "price": None}],
        },
    ]


def test_a_provider_is_unavailable_once_the_breakers_of_all_its_models_are_open(client, small_model):
    factories.price(factories.language_model(small_model.provider, "gpt-large"))
    for _ in range(5):
        breakers.of(spec_of("gpt-small")).record_failure(now=1e9)

    half = client.get("/providers").json()["providers"][0]

    assert (half["breaker"], half["available"]) == ("closed", True)
    assert [model["breaker"] for model in half["models"]] == ["closed", "open"]

    for _ in range(5):
        breakers.of(spec_of("gpt-large")).record_failure(now=1e9)

    whole = client.get("/providers").json()["providers"][0]
    assert (whole["breaker"], whole["available"], whole["configured"]) == ("open", False, True)


def test_simulated_and_embedded_models_are_labelled(client, settings):
    settings.EMBEDDED_MODEL_URL = "http://127.0.0.1:18080/v1"
    simulated = factories.provider("simulated", kind=Provider.Kind.SIMULATED, base_url="")
    factories.price(factories.language_model(simulated, "pretender"))
    factories.price(factories.language_model(factories.provider("embedded", is_embedded=True), "midget"))

    models = client.get("/v1/models").json()["data"][4:]
    providers = client.get("/providers").json()["providers"]

    assert [model["simulated"] for model in models] == [True, True]
    assert [provider["simulated"] for provider in providers] == [True, True]


def test_the_number_of_queries_does_not_grow_with_the_catalog(client, django_assert_max_num_queries):
    for _ in range(5):
        provider = factories.provider()
        for _ in range(5):
            factories.price(factories.language_model(provider))
    client.get("/providers")
    snapshot.current()

    # One for the key; providers, their models, their prices.
    with django_assert_max_num_queries(4):
        assert len(client.get("/providers").json()["providers"]) == 5
    with django_assert_max_num_queries(1):
        assert len(client.get("/v1/models").json()["data"]) == 29
