from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.services import config_version
from routing.domain.pricing import PriceSchedule
from routing.models import LanguageModel
from routing.selectors import prices as price_selector
from routing.services import catalog, prices
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
FAR_LATER = NOW + timedelta(days=2)


def schedule_of(provider: str, name: str, at: datetime = NOW) -> PriceSchedule:
    model = LanguageModel.objects.get(provider__slug=provider, name=name)
    return price_selector.schedule(price_selector.current_prices(at)[model.id])


@pytest.fixture
def loaded() -> None:
    catalog.sync_catalog(now=NOW)
    prices.refresh_prices(now=NOW)


@pytest.mark.usefixtures("loaded")
def test_staff_price_wins_and_survives_a_refresh() -> None:
    model = LanguageModel.objects.get(provider__slug="openai", name="gpt-4o")
    prices.set_staff_price(model, PriceSchedule(Decimal("1.5"), Decimal(6)), now=LATER, note="our contract")
    prices.refresh_prices(now=FAR_LATER)
    assert schedule_of("openai", "gpt-4o", NOW).input_usd_per_mtok == Decimal("2.5")
    assert schedule_of("openai", "gpt-4o", FAR_LATER).input_usd_per_mtok == Decimal("1.5")
    assert model.prices.get(source="staff").source_version == "our contract"


@pytest.mark.usefixtures("loaded")
def test_withdrawn_staff_price_gives_way_to_the_librarys() -> None:
    model = LanguageModel.objects.get(provider__slug="openai", name="gpt-4o")
    prices.set_staff_price(model, PriceSchedule(Decimal("1.5"), Decimal(6)), now=NOW)
    prices.withdraw_staff_price(model, now=LATER)
    assert schedule_of("openai", "gpt-4o", NOW).input_usd_per_mtok == Decimal("1.5")
    assert schedule_of("openai", "gpt-4o", LATER).input_usd_per_mtok == Decimal("2.5")


def test_new_staff_price_ends_the_one_before() -> None:
    model = factories.language_model()
    prices.set_staff_price(model, PriceSchedule(Decimal(1), Decimal(2)), now=NOW)
    prices.set_staff_price(model, PriceSchedule(Decimal(3), Decimal(4)), now=LATER)
    history = model.prices.order_by("active_from").values_list("input_usd_per_mtok", "active_from", "active_to")
    assert list(history) == [(Decimal(1), NOW, LATER), (Decimal(3), LATER, None)]


def test_staff_price_is_announced_and_the_same_price_again_is_not() -> None:
    model = factories.language_model()
    version = config_version.current()
    prices.set_staff_price(model, PriceSchedule(Decimal(1), Decimal(2)), now=NOW)
    announced = config_version.current()
    prices.set_staff_price(model, PriceSchedule(Decimal("1.0"), Decimal(2)), now=LATER)
    assert announced > version
    assert config_version.current() == announced


@pytest.mark.parametrize(
    "schedule",
    [
        PriceSchedule(Decimal("-1"), Decimal(2)),
        PriceSchedule(Decimal(1), Decimal("0.0000001")),
        PriceSchedule(Decimal("NaN"), Decimal(2)),
        PriceSchedule(Decimal("Infinity"), Decimal(2)),
        PriceSchedule(Decimal("100000000"), Decimal(2)),
        PriceSchedule(Decimal(1), Decimal(2), request_usd=Decimal("0.0000000001")),
    ],
)
def test_impossible_staff_price_is_refused(schedule: PriceSchedule) -> None:
    model = factories.language_model()
    with pytest.raises(prices.InvalidPrice):
        prices.set_staff_price(model, schedule, now=NOW)
    assert model.prices.count() == 0


def test_current_prices_takes_one_statement_and_the_newest_row() -> None:
    model = factories.language_model()
    factories.price(model, "1", "2", active_from=NOW - timedelta(days=9), source="price_library")
    factories.price(model, "3", "4", active_from=NOW - timedelta(days=1), source="price_library")
    factories.price(model, "5", "6", active_from=LATER, source="staff")
    factories.price(model, "7", "8", active_from=NOW - timedelta(hours=1), source="catalog")
    with CaptureQueriesContext(connection) as queries:
        current = price_selector.current_prices(NOW)
    assert current[model.id].input_usd_per_mtok == Decimal(3)
    assert len(queries) == 1


def test_end_of_a_price_belongs_to_the_next_one() -> None:
    model = factories.language_model()
    factories.price(model, active_to=NOW)
    assert model.id in price_selector.current_prices(NOW - timedelta(microseconds=1))
    assert model.id not in price_selector.current_prices(NOW)
