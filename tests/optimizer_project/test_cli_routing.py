import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.management.base import CommandError

from optimizer_project.cli.console import format_usd
from routing.models import LanguageModel, ModelPrice
from routing.services import catalog

pytestmark = pytest.mark.django_db
Run = Callable[..., str]


@pytest.fixture
def shipped_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalog on a machine without any provider's key: only the simulated models can be chosen."""
    for name in ("OPENAI", "ANTHROPIC", "GOOGLE", "GEMINI", "OPENROUTER", "CEREBRAS"):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)
    catalog.sync_catalog(now=datetime(2026, 1, 1, tzinfo=UTC))


def test_second_sync_of_the_catalog_writes_nothing(optimizer: Run) -> None:
    assert json.loads(optimizer("catalog", "sync", "--json"))["models"] > 0
    assert json.loads(optimizer("catalog", "sync", "--json")) == {"providers": 0, "models": 0, "prices": 0}


@pytest.mark.usefixtures("shipped_catalog")
def test_refreshed_prices_are_shown_for_a_model(optimizer: Run) -> None:
    assert "prices opened" in optimizer("prices", "refresh")
    shown = json.loads(optimizer("prices", "show", "openai/gpt-4o", "--json"))
    assert {row["model"] for row in shown} == {"openai/gpt-4o", "openrouter/openai/gpt-4o"}
    assert {row["source"] for row in shown} == {"price_library"}


@pytest.mark.usefixtures("shipped_catalog")
def test_price_set_by_staff_is_shown_in_dollars(optimizer: Run) -> None:
    model = LanguageModel.objects.get(provider__slug="simulated", name="simulated-small")
    ModelPrice.objects.create(
        language_model=model,
        input_usd_per_mtok=Decimal("0.15"),
        output_usd_per_mtok=Decimal("100"),
        active_from=datetime(2026, 2, 1, tzinfo=UTC),
        source=ModelPrice.Source.STAFF,
    )
    newest = json.loads(optimizer("prices", "show", "simulated-small", "--json"))[0]
    assert (newest["input"], newest["output"], newest["source"]) == ("0.15", "100", "staff")


def test_prices_of_an_unknown_model_are_refused(optimizer: Run) -> None:
    with pytest.raises(CommandError, match="There is no model 'gpt-none'"):
        optimizer("prices", "show", "gpt-none")


@pytest.mark.usefixtures("shipped_catalog")
def test_decision_is_explained_and_leaves_no_ledger_row(optimizer: Run) -> None:
    decision = json.loads(optimizer("decide", "What is the capital of France?", "--json"))
    assert decision["model"] == "simulated/simulated-small"
    assert (decision["strategy"], decision["complexity_tier"]) == ("complexity", "simple")
    assert "simulated/simulated-small (complexity)" in optimizer("decide", "What is the capital of France?")
    assert json.loads(optimizer("status", "--json"))["today"]["requests"] == 0


def test_decision_without_any_model_is_refused(optimizer: Run) -> None:
    with pytest.raises(CommandError):
        optimizer("decide", "What is the capital of France?")


@pytest.mark.usefixtures("shipped_catalog")
def test_status_tells_which_providers_can_be_used_and_why_not(optimizer: Run) -> None:
    states = {row["provider"]: row["state"] for row in json.loads(optimizer("status", "--json"))["providers"]}
    assert (states["simulated"], states["openai"]) == ("ready", "no API key")
    assert "simulated/simulated-small" in optimizer("status", "--models")


@pytest.mark.usefixtures("shipped_catalog")
def test_key_in_the_environment_makes_a_provider_ready(optimizer: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    states = {row["provider"]: row["state"] for row in json.loads(optimizer("status", "--json"))["providers"]}
    assert states["openai"] == "ready"


def test_reconcile_says_how_many_rows_it_closed(optimizer: Run) -> None:
    assert optimizer("reconcile") == "Rows closed: 0.\n"


@pytest.mark.parametrize(
    ("nano_usd", "text"),
    [(0, "0.00"), (1, "0.000000001"), (125_000, "0.000125"), (25_500_000_000, "25.50"), (10**18, "1000000000.00")],
)
def test_amounts_are_exact_with_two_decimals_at_least(nano_usd: int, text: str) -> None:
    assert format_usd(nano_usd) == text
