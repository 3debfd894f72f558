"""Shows what the gateway can use now: providers, models, and what today's requests cost so far (UTC)."""

import argparse
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from optimizer_project.cli.arguments import add_json
from optimizer_project.cli.console import Console, format_usd
from routing.models import Provider
from routing.selectors import usage
from routing.services import snapshot

NAME = "status"
HELP = "show providers, models that can be chosen, and today's cost"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--models", action="store_true", help="list the models as well")
    add_json(parser)


def run(options: argparse.Namespace, console: Console) -> None:
    current = snapshot.current()
    providers = [_provider(provider, current) for provider in Provider.objects.all()]
    models = [{"model": model.full_name, "tier": model.tier} for model in current.routable]
    today = _today(timezone.now())
    if options.json:
        console.json({"providers": providers, "models": models, "today": today})
        return
    console.table(["provider", "state", "models for auto"], [tuple(row.values()) for row in providers])
    console.line()
    if options.models:
        console.table(["model", "tier"], [tuple(row.values()) for row in models])
        console.line()
    console.line(f"Models that auto can choose: {len(models)}")
    console.line(
        f"Today: {today['requests']} requests, cost {today['cost_usd']} USD, saved {today['savings_usd']} USD"
        + (f", {today['unknown_cost']} of unknown cost" if today["unknown_cost"] else "")
    )


def _provider(provider: Provider, current: snapshot.Snapshot) -> dict[str, Any]:
    return {
        "provider": provider.slug,
        "state": _state(provider, current),
        "models_for_auto": sum(model.provider == provider.slug for model in current.routable),
    }


def _state(provider: Provider, current: snapshot.Snapshot) -> str:
    if provider.slug in current.providers:
        return "ready"
    if not provider.is_enabled:
        return "switched off"
    return "embedded providers are off" if provider.is_embedded else "no API key"


def _today(now: datetime) -> dict[str, Any]:
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    found = usage.totals(usage.window(team_id=None, since=midnight))
    return {
        "requests": found.requests,
        "cost_usd": format_usd(found.cost_nano_usd + found.simulated_cost_nano_usd),
        # What runs beside the product is for trials and claims no savings.
        "savings_usd": format_usd(found.savings_nano_usd),
        "unknown_cost": found.unpriced_requests,
    }
