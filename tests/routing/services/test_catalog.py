from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pytest_django.fixtures import Settings

from accounts.services import config_version
from routing.models import LanguageModel, ModelPrice, Provider
from routing.selectors import prices as price_selector
from routing.services import catalog, prices, providers
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


@pytest.fixture(autouse=True)
def without_embedded_model(settings: Settings) -> None:
    settings.EMBEDDED_MODEL_URL = ""


def test_first_synchronization_brings_providers_and_classified_models() -> None:
    report = catalog.sync_catalog(now=NOW)
    assert set(Provider.objects.values_list("slug", flat=True)) == {
        "cerebras",
        "claude",
        "gemini",
        "openai",
        "openrouter",
        "simulated",
        "embedded",
    }
    assert report.models == LanguageModel.objects.count() == 53
    sonnet = LanguageModel.objects.get(provider__slug="claude", name="claude-sonnet-5-5")
    assert (sonnet.tier, sonnet.context_tokens, sonnet.is_routable) == ("moderate", 1_000_000, True)


def test_second_synchronization_writes_nothing_and_wakes_nobody() -> None:
    catalog.sync_catalog(now=NOW)
    version = config_version.current()
    report = catalog.sync_catalog(now=LATER)
    assert report == catalog.CatalogReport(providers=0, models=0, prices=0)
    assert config_version.current() == version


def test_every_shipped_model_gets_a_price() -> None:
    catalog.sync_catalog(now=NOW)
    prices.refresh_prices(now=NOW)
    priced = price_selector.current_prices(NOW)
    assert [str(model) for model in LanguageModel.objects.filter(is_routable=True) if model.id not in priced] == []


def test_every_first_party_provider_covers_what_the_complexity_rule_needs() -> None:
    catalog.sync_catalog(now=NOW)
    tiers = {
        slug: set(LanguageModel.objects.filter(provider__slug=slug, is_routable=True).values_list("tier", flat=True))
        for slug in ("claude", "gemini", "openai", "openrouter", "simulated")
    }
    assert tiers == {slug: {"simple", "moderate", "complex"} for slug in tiers}


def test_openrouter_offers_every_first_party_model_under_its_canonical_name() -> None:
    catalog.sync_catalog(now=NOW)
    first_party = set(
        LanguageModel.objects.filter(provider__slug__in=("claude", "gemini", "openai", "cerebras")).values_list(
            "canonical_name", flat=True
        )
    )
    offered = LanguageModel.objects.filter(provider__slug="openrouter").values_list("name", "canonical_name")
    elsewhere = sorted(name for name, canonical_name in offered if canonical_name not in first_party)
    assert elsewhere == ["deepseek/deepseek-v4.1-flash", "meta-llama/llama-3.3-70b-instruct"]


def test_models_that_staff_edited_stay_as_they_left_them() -> None:
    catalog.sync_catalog(now=NOW)
    edited = LanguageModel.objects.filter(name="gpt-4o")
    edited.update(tier="complex", is_staff_edited=True)
    catalog.sync_catalog(now=LATER)
    assert edited.get().tier == "complex"


def test_models_that_nobody_edited_are_refreshed() -> None:
    catalog.sync_catalog(now=NOW)
    LanguageModel.objects.filter(name="gpt-4o").update(tier="simple")
    assert catalog.sync_catalog(now=LATER).models == 1
    model = LanguageModel.objects.get(name="gpt-4o")
    assert (model.tier, model.updated_at) == ("moderate", LATER)


def test_a_model_of_the_price_library_is_classified_once_the_catalog_knows_it() -> None:
    provider = factories.provider("openai")
    unclassified = {"tier": "", "is_routable": False, "source": LanguageModel.Source.PRICE_LIBRARY}
    model = factories.language_model(provider, "gpt-4o", **unclassified)
    catalog.sync_catalog(now=NOW)
    model.refresh_from_db()
    assert (model.tier, model.is_routable, model.source) == ("moderate", True, "catalog")


def test_a_model_that_left_the_catalog_is_no_longer_chosen_by_auto() -> None:
    catalog.sync_catalog(now=NOW)
    openai = Provider.objects.get(slug="openai")
    former = factories.language_model(openai, "gpt-former", source=LanguageModel.Source.CATALOG)
    catalog.sync_catalog(now=LATER)
    former.refresh_from_db()
    assert former.is_routable is False


def test_switches_deadlines_and_order_set_by_staff_survive() -> None:
    catalog.sync_catalog(now=NOW)
    changed = Provider.objects.filter(slug="openai")
    changed.update(is_enabled=False, total_seconds=30.0, priority=1, name="tampered")
    catalog.sync_catalog(now=LATER)
    provider = changed.get()
    assert (provider.is_enabled, provider.total_seconds, provider.priority) == (False, 30.0, 1)
    assert provider.name == "OpenAI"


def test_address_of_a_builtin_provider_is_put_back() -> None:
    catalog.sync_catalog(now=NOW)
    Provider.objects.filter(slug="openai").update(base_url="https://attacker.example/v1")
    catalog.sync_catalog(now=LATER)
    assert Provider.objects.get(slug="openai").base_url == "https://api.openai.com/v1"


def test_embedded_model_is_reached_where_this_process_is_told_and_nowhere_else(settings: Settings) -> None:
    settings.EMBEDDED_PROVIDERS = True
    catalog.sync_catalog(now=NOW)
    provider = Provider.objects.get(slug="embedded")
    assert (provider.is_enabled, provider.is_embedded, provider.needs_key) == (True, True, False)
    assert providers.config(provider, environ={}) is None

    settings.EMBEDDED_MODEL_URL = "http://127.0.0.1:18081/v1"
    config = providers.config(provider, environ={})
    assert config is not None
    assert config.base_url == "http://127.0.0.1:18081/v1"


def test_embedded_model_that_staff_paused_stays_paused() -> None:
    catalog.sync_catalog(now=NOW)
    Provider.objects.filter(slug="embedded").update(is_enabled=False)
    catalog.sync_catalog(now=LATER)
    assert Provider.objects.get(slug="embedded").is_enabled is False


def test_key_of_a_builtin_provider_goes_to_its_shipped_address_whatever_the_row_says() -> None:
    catalog.sync_catalog(now=NOW)
    Provider.objects.filter(slug="openai").update(base_url="https://attacker.example/v1")
    config = providers.config(Provider.objects.get(slug="openai"), environ={"OPENAI_API_KEY": "sk-1"})
    assert config is not None
    assert config.base_url == "https://api.openai.com/v1"


def test_models_beside_the_product_have_the_prices_they_ship_with(settings: Settings) -> None:
    settings.EMBEDDED_MODEL_URL = "http://127.0.0.1:18080/v1"
    catalog.sync_catalog(now=NOW)
    shipped = ModelPrice.objects.filter(source=ModelPrice.Source.CATALOG).select_related("language_model")
    rates = {price.language_model.name: (price.input_usd_per_mtok, price.output_usd_per_mtok) for price in shipped}
    assert rates == {
        "smollm2-135m": (Decimal(0), Decimal(0)),
        "simulated-small": (Decimal("0.10"), Decimal("0.40")),
        "simulated-medium": (Decimal("0.50"), Decimal(2)),
        "simulated-large": (Decimal(3), Decimal(15)),
    }
