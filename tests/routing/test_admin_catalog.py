from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.services import config_version
from routing.models import LanguageModel, ModelPrice, Provider
from routing.selectors import prices as price_selector
from routing.services import providers
from tests import factories

pytestmark = pytest.mark.django_db


def page(model: type[Provider | LanguageModel], view: str, *args: int) -> str:
    return reverse(f"admin:routing_{model._meta.model_name}_{view}", args=args)


def provider_data(**fields: Any) -> dict[str, Any]:
    return {
        "slug": "ollama",
        "name": "Ollama",
        "kind": "openai_compatible",
        "base_url": "http://ollama:11434/v1",
        "is_enabled": "on",
        "priority": 100,
        "connect_seconds": 2,
        "first_token_seconds": 60,
        "between_tokens_seconds": 30,
        "total_seconds": 600,
        "drain_on_disconnect": "on",
        **fields,
    }


def test_provider_is_added_with_its_key_which_is_never_shown(admin_client: Client) -> None:
    version = config_version.current()
    assert admin_client.post(page(Provider, "add"), provider_data(key="sk-secret")).status_code == 302
    provider = Provider.objects.get()
    assert providers.provider_key(provider, environ={}) == "sk-secret"
    assert config_version.current() > version
    assert b"sk-secret" not in admin_client.get(page(Provider, "change", provider.id)).content
    assert provider.encrypted_key.encode() not in admin_client.get(page(Provider, "change", provider.id)).content


def test_key_stays_when_its_field_is_left_empty(admin_client: Client) -> None:
    admin_client.post(page(Provider, "add"), provider_data(key="sk-secret"))
    provider = Provider.objects.get()
    admin_client.post(page(Provider, "change", provider.id), provider_data(name="Renamed"))
    provider.refresh_from_db()
    assert provider.name == "Renamed"
    assert providers.provider_key(provider, environ={}) == "sk-secret"


def test_moving_a_provider_leaves_its_key_behind_and_says_so(admin_client: Client) -> None:
    admin_client.post(page(Provider, "add"), provider_data(key="sk-secret"))
    provider = Provider.objects.get()
    moved = provider_data(base_url="http://elsewhere:11434/v1")
    answer = admin_client.post(page(Provider, "change", provider.id), moved, follow=True)
    assert "enter it again" in answer.content.decode()
    provider.refresh_from_db()
    assert providers.provider_key(provider, environ={}) is None


@pytest.mark.parametrize("base_url", ["", "http://169.254.169.254/v1", "https://user:key@llm.example.com"])
def test_unsafe_address_of_a_provider_is_refused(base_url: str, admin_client: Client) -> None:
    assert admin_client.post(page(Provider, "add"), provider_data(base_url=base_url)).status_code == 200
    assert Provider.objects.count() == 0


def test_address_of_a_builtin_provider_cannot_be_changed(admin_client: Client) -> None:
    provider = factories.provider("openai", is_builtin=True, base_url="https://api.openai.com/v1")
    changes = provider_data(slug="other", base_url="https://attacker.example/v1", key="sk-secret", total_seconds=30)
    assert admin_client.post(page(Provider, "change", provider.id), changes).status_code == 302
    provider.refresh_from_db()
    assert (provider.slug, provider.base_url, provider.encrypted_key) == ("openai", "https://api.openai.com/v1", "")
    assert provider.total_seconds == 30


def test_page_of_a_builtin_provider_names_the_variables_of_its_key(admin_client: Client) -> None:
    provider = factories.provider("openai", is_builtin=True, base_url="https://api.openai.com/v1")
    assert b"OPENAI_API_KEY" in admin_client.get(page(Provider, "change", provider.id)).content


@pytest.mark.parametrize(("action", "was_enabled"), [("pause", True), ("resume", False)])
def test_providers_are_paused_and_resumed_by_action(action: str, was_enabled: bool, admin_client: Client) -> None:
    provider = factories.provider(is_enabled=was_enabled)
    version = config_version.current()
    chosen = {"action": action, "_selected_action": [provider.id]}
    admin_client.post(page(Provider, "changelist"), chosen)
    provider.refresh_from_db()
    assert provider.is_enabled is was_enabled

    admin_client.post(page(Provider, "changelist"), {**chosen, "confirmed": "yes", "reason": "as agreed"})
    provider.refresh_from_db()
    assert provider.is_enabled is not was_enabled
    assert config_version.current() > version


def model_data(model: LanguageModel, **fields: Any) -> dict[str, Any]:
    return {
        "provider": model.provider_id,
        "name": model.name,
        "upstream_name": model.upstream_name,
        "canonical_name": model.canonical_name,
        "tier": model.tier,
        "is_enabled": "on",
        "is_routable": "on",
        "context_tokens": model.context_tokens,
        "max_output_tokens": model.max_output_tokens,
        "supports_tools": "on",
        "supports_json": "on",
        "prices-TOTAL_FORMS": 0,
        "prices-INITIAL_FORMS": 0,
        **fields,
    }


def test_edited_model_is_marked_so_that_refreshes_leave_it_alone(admin_client: Client) -> None:
    model = factories.language_model()
    version = config_version.current()
    answer = admin_client.post(page(LanguageModel, "change", model.id), model_data(model, tier="complex"))
    assert answer.status_code == 302
    model.refresh_from_db()
    assert (model.tier, model.is_staff_edited) == ("complex", True)
    assert config_version.current() > version


def test_staff_price_is_set_without_marking_the_model(admin_client: Client) -> None:
    model = factories.price(factories.language_model(), "1", "2").language_model
    rates = {"input_usd_per_mtok": "0.5", "output_usd_per_mtok": "1.25", "cached_input_usd_per_mtok": "0.05"}
    assert admin_client.post(page(LanguageModel, "change", model.id), model_data(model, **rates)).status_code == 302
    model.refresh_from_db()
    price = price_selector.current_prices(timezone.now())[model.id]
    assert (price.input_usd_per_mtok, price.output_usd_per_mtok, price.cached_input_usd_per_mtok) == (
        Decimal("0.5"),
        Decimal("1.25"),
        Decimal("0.05"),
    )
    assert (price.source, price.source_version) == ("staff", "set by admin")
    assert model.is_staff_edited is False


def test_staff_price_is_withdrawn_by_action(admin_client: Client) -> None:
    model = factories.price(factories.language_model(), "1", "2").language_model
    factories.price(model, "9", "9", source="staff")
    selected = {"action": "withdraw_staff_price", "_selected_action": [model.id], "confirmed": "yes", "reason": "late"}
    admin_client.post(page(LanguageModel, "changelist"), selected)
    assert price_selector.current_prices(timezone.now())[model.id].input_usd_per_mtok == Decimal(1)


@pytest.mark.parametrize(
    "fields", [{"input_usd_per_mtok": "0.5"}, {"tier": ""}, {"input_usd_per_mtok": "-1", "output_usd_per_mtok": "1"}]
)
def test_half_a_price_and_a_routable_model_without_tier_are_refused(fields: Any, admin_client: Client) -> None:
    model = factories.language_model()
    assert admin_client.post(page(LanguageModel, "change", model.id), model_data(model, **fields)).status_code == 200
    assert ModelPrice.objects.count() == 0
