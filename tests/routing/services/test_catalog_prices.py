import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import genai_prices
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from genai_prices.data import providers as library_providers

from accounts.services import config_version
from routing.domain.pricing import PriceSchedule, PriceTier, cost_usd
from routing.domain.usage import Usage
from routing.models import LanguageModel, ModelPrice
from routing.selectors import prices as price_selector
from routing.services import catalog, prices
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
LIBRARY_IDS = {
    "openai": "openai",
    "claude": "anthropic",
    "gemini": "google",
    "openrouter": "openrouter",
    "cerebras": "cerebras",
}


def schedule_of(provider: str, name: str, at: datetime = NOW) -> PriceSchedule:
    model = LanguageModel.objects.get(provider__slug=provider, name=name)
    return price_selector.schedule(price_selector.current_prices(at)[model.id])


@pytest.fixture
def loaded() -> None:
    catalog.sync_catalog(now=NOW)
    prices.refresh_prices(now=NOW)


@pytest.mark.usefixtures("loaded")
def test_every_price_row_costs_what_the_library_says_on_its_dates() -> None:
    # Input lengths around every threshold of the library, with parts of it cached and written to the cache.
    usages = [
        Usage(input_tokens=length, output_tokens=999, cached_input_tokens=length // 3, cache_write_tokens=length // 4)
        for length in (1_000, 100_000, 100_001, 128_001, 200_001, 272_001)
    ]
    listed = {
        (slug, model.id): model
        for slug, library_id in LIBRARY_IDS.items()
        for provider in library_providers
        if provider.id == library_id
        for model in provider.models
    }
    rows = ModelPrice.objects.filter(source=ModelPrice.Source.PRICE_LIBRARY).select_related("language_model__provider")
    differing = [
        str(row.language_model)
        for row, usage in itertools.product(rows, usages)
        if abs(_library_cost_of_row(listed, row, usage) - cost_usd(usage, price_selector.schedule(row)))
        # Half a unit of the sixth decimal of a rate over a third of a million tokens, and the ledger's rounding.
        > Decimal("0.0000002")
    ]
    assert len(rows) > 1_000
    assert differing == []


def _library_cost_of_row(listed: dict[tuple[str, str], Any], row: ModelPrice, usage: Usage) -> Decimal:
    model = listed[row.language_model.provider.slug, row.language_model.name]
    context = {"processing": "batch"} if row.service_tier == "batch" else {}
    reported = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
    )
    price: Decimal = model.get_prices(row.active_from, context).calc_price(reported)["total_price"]
    return price


@pytest.mark.usefixtures("loaded")
def test_long_context_rates_of_gemini_begin_above_200000_tokens() -> None:
    # Published: 1.25 and 10 dollars per million up to 200,000 tokens of input, 2.50 and 15 above; cached a tenth.
    price = schedule_of("gemini", "gemini-2.5-pro")
    assert (price.input_usd_per_mtok, price.output_usd_per_mtok) == (Decimal("1.25"), Decimal(10))
    assert price.tiers == (PriceTier(200_001, Decimal("2.5"), Decimal(15), Decimal("0.25"), None),)


@pytest.mark.usefixtures("loaded")
def test_cache_writes_of_claude_cost_a_quarter_more_than_input_and_reads_a_tenth() -> None:
    price = schedule_of("claude", "claude-haiku-4-5")
    assert (price.input_usd_per_mtok, price.cache_write_usd_per_mtok, price.cached_input_usd_per_mtok) == (
        Decimal(1),
        Decimal("1.25"),
        Decimal("0.1"),
    )


@pytest.mark.usefixtures("loaded")
def test_batch_prices_are_kept_apart_and_only_where_the_library_has_them() -> None:
    batch = ModelPrice.objects.filter(service_tier="batch")
    assert batch.get(language_model__name="claude-haiku-4-5", active_to=None).input_usd_per_mtok == Decimal("0.5")
    assert not batch.filter(language_model__name="claude-3-haiku").exists()


@pytest.mark.usefixtures("loaded")
def test_dated_prices_become_dated_rows() -> None:
    # o3 fell from 10 and 40 dollars to 2 and 8 on 2025-06-10.
    before = schedule_of("openai", "o3", datetime(2025, 6, 9, 23, 59, 59, tzinfo=UTC))
    after = schedule_of("openai", "o3", datetime(2025, 6, 10, tzinfo=UTC))
    assert (before.input_usd_per_mtok, before.output_usd_per_mtok) == (Decimal(10), Decimal(40))
    assert (after.input_usd_per_mtok, after.output_usd_per_mtok) == (Decimal(2), Decimal(8))


@pytest.mark.usefixtures("loaded")
def test_unknown_price_is_no_row_and_never_zero() -> None:
    free = LanguageModel.objects.get(provider__slug="openrouter", name="deepseek/deepseek-r1:free")
    assert free.prices.count() == 0
    assert not ModelPrice.objects.filter(
        source=ModelPrice.Source.PRICE_LIBRARY, input_usd_per_mtok=0, output_usd_per_mtok=0
    ).exists()


@pytest.mark.usefixtures("loaded")
def test_models_of_the_library_are_callable_by_name_and_not_chosen_by_auto() -> None:
    model = LanguageModel.objects.get(provider__slug="openrouter", name="mistralai/mistral-nemo")
    assert (model.is_enabled, model.is_routable, model.tier, model.source) == (True, False, "", "price_library")


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("openai", "text-embedding-3-large"),
        ("openai", "gpt-realtime"),
        ("openai", "whisper-1"),
        ("openai", "gpt-oss-20b"),
        ("gemini", "claude-opus-4-5"),
        ("gemini", "gemini-2.5-flash-image"),
    ],
)
def test_models_that_do_not_answer_chats_there_are_left_out(provider: str, name: str) -> None:
    assert not LanguageModel.objects.filter(provider__slug=provider, name=name).exists()


@pytest.mark.usefixtures("loaded")
def test_openrouter_names_map_to_first_party_names() -> None:
    model = LanguageModel.objects.get(provider__slug="openrouter", name="anthropic/claude-opus-4.5")
    assert model.canonical_name == "claude-opus-4-5"


@pytest.mark.usefixtures("loaded")
def test_second_refresh_writes_nothing_and_wakes_nobody() -> None:
    version = config_version.current()
    report = prices.refresh_prices(now=LATER)
    assert report.has_changes is False
    assert config_version.current() == version


def test_refresh_takes_few_statements_however_many_models() -> None:
    catalog.sync_catalog(now=NOW)
    with CaptureQueriesContext(connection) as queries:
        report = prices.refresh_prices(now=NOW)
    assert report.models_added > 900
    assert len(queries) < 60


@pytest.mark.usefixtures("loaded")
def test_changed_price_ends_the_old_row_and_opens_a_new_one() -> None:
    rows = ModelPrice.objects.filter(language_model__name="gpt-4o", language_model__provider__slug="openai")
    rows = rows.filter(service_tier="standard")
    rows.update(input_usd_per_mtok=Decimal("5"))
    report = prices.refresh_prices(now=LATER)
    assert (report.prices_opened, report.prices_ended) == (1, 1)
    history = rows.order_by("active_from").values_list("input_usd_per_mtok", "active_to")
    assert list(history) == [(Decimal(5), LATER), (Decimal("2.5"), None)]
    assert schedule_of("openai", "gpt-4o", NOW).input_usd_per_mtok == Decimal(5)
    assert schedule_of("openai", "gpt-4o", LATER).input_usd_per_mtok == Decimal("2.5")


@pytest.mark.usefixtures("loaded")
def test_price_that_changed_twice_within_one_moment_keeps_one_row() -> None:
    rows = ModelPrice.objects.filter(language_model__name="gpt-4o", source="price_library", service_tier="standard")
    rows.update(active_from=NOW, input_usd_per_mtok=Decimal(7))
    prices.refresh_prices(now=NOW)
    row = rows.get(language_model__provider__slug="openai")
    assert (row.active_from, row.active_to, row.input_usd_per_mtok) == (NOW, None, Decimal("2.5"))


@pytest.mark.usefixtures("loaded")
def test_model_that_the_library_no_longer_lists_keeps_its_last_price() -> None:
    model = LanguageModel.objects.get(provider__slug="openai", name="gpt-4o")
    LanguageModel.objects.filter(id=model.id).update(name="gpt-gone", upstream_name="gpt-gone", source="price_library")
    prices.refresh_prices(now=LATER)
    assert price_selector.current_prices(LATER)[model.id].input_usd_per_mtok == Decimal("2.5")


@pytest.mark.usefixtures("loaded")
def test_model_named_by_staff_is_priced_under_its_dated_name() -> None:
    provider = LanguageModel.objects.get(provider__slug="openai", name="gpt-4o").provider
    factories.language_model(provider, "gpt-4o-2024-08-06")
    prices.refresh_prices(now=LATER)
    assert schedule_of("openai", "gpt-4o-2024-08-06", LATER).input_usd_per_mtok == Decimal("2.5")
