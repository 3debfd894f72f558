"""Fills a fresh database with what the gateway needs for the benchmark; prints the API key as JSON.

Started by `benchmarks.optimizer` with the gateway's environment: python -m benchmarks.seed UPSTREAM_PORT
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import django
from django.core.management import call_command

TEAM = "benchmark"
# Input and output prices in US dollars per million tokens by model name: a cheap and a dear model give `auto` a choice.
PRICES = {"small": (Decimal("0.15"), Decimal("0.60")), "large": (Decimal("2.50"), Decimal("10.00"))}
TIERS = {"small": "simple", "large": "complex"}
# Never reached: what is measured is the reservation, not the refusal.
BUDGET_NANO_USD = 10**15


def main() -> None:
    django.setup()
    call_command("migrate", verbosity=0)
    secret = seed(int(sys.argv[1]), datetime.now(UTC))
    print(json.dumps({"secret": secret}))


def seed(upstream_port: int, now: datetime) -> str:
    """Create provider, models, prices, a team with hard budgets and its key; return the key's secret."""
    from accounts.models import Budget
    from accounts.services import api_keys, budgets, config_version, teams
    from routing.models import LanguageModel, ModelPrice, Provider

    provider = Provider.objects.create(
        slug="fake",
        name="Fake provider",
        kind=Provider.Kind.OPENAI_COMPATIBLE,
        base_url=f"http://127.0.0.1:{upstream_port}/v1",
        needs_key=False,
    )
    for name, (input_usd, output_usd) in PRICES.items():
        model = LanguageModel.objects.create(
            provider=provider,
            name=name,
            upstream_name=name,
            canonical_name=name,
            tier=TIERS[name],
            context_tokens=128_000,
            max_output_tokens=16_384,
            supports_tools=True,
            supports_json=True,
            is_routable=True,
        )
        ModelPrice.objects.create(
            language_model=model,
            input_usd_per_mtok=input_usd,
            output_usd_per_mtok=output_usd,
            active_from=now - timedelta(days=1),
            source=ModelPrice.Source.STAFF,
        )
    team = teams.create(slug=TEAM)
    for period in (Budget.Period.DAY, Budget.Period.MONTH):
        budgets.set_budget(team=team, period=period, limit_nano_usd=BUDGET_NANO_USD, today=now.date())
    issued = api_keys.issue(team=team, name="load generator")
    config_version.bump()
    return issued.secret


if __name__ == "__main__":
    main()
