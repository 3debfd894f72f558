"""Adds the fake provider, its models, a team and its key: python -m benchmarks.drill.seed UPSTREAM_PORT."""

import json
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import django


def main() -> None:
    django.setup()
    from accounts.services import config_version
    from benchmarks import seed
    from routing.models import LanguageModel, ModelPrice, Provider

    now = datetime.now(UTC)
    secret = seed.seed(int(sys.argv[1]), now)
    slow = LanguageModel.objects.create(
        provider=Provider.objects.get(slug="fake"),
        name="slow",
        # What the fake provider takes as an order to answer piece by piece.
        upstream_name="slow_chunk",
        canonical_name="slow",
        tier="complex",
        context_tokens=128_000,
        max_output_tokens=16_384,
        is_routable=True,
    )
    ModelPrice.objects.create(
        language_model=slow,
        input_usd_per_mtok=Decimal(1),
        output_usd_per_mtok=Decimal(4),
        active_from=now - timedelta(days=1),
        source=ModelPrice.Source.STAFF,
    )
    config_version.bump()
    print(json.dumps({"secret": secret}))


if __name__ == "__main__":
    main()
