"""What routing may choose for a team, and what it chooses already."""

import os
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from django.db.models import Q, QuerySet

from accounts.models import Team
from insights.domain.observations import OfferedModel
from learning.selectors import overrides
from routing.models import LanguageModel, Provider, TeamRule
from routing.selectors import policies, prices
from routing.services import providers

_NANO_PER_USD = 10**9
Kind = TeamRule.Kind


def offered(team: Team, at: datetime) -> tuple[OfferedModel, ...]:
    """Return the real models that can be reached, have a price, and are not left out by the team."""
    left_out = set(_rules(team, Kind.EXCLUDE_MODEL).filter(pattern="").values_list("model", flat=True))
    return tuple(model for model in _reachable(at) if model.model not in left_out)


def stand_ins() -> frozenset[str]:
    """Return the slugs of providers whose money is notional: simulated, or beside the product."""
    found = Provider.objects.filter(Q(kind=Provider.Kind.SIMULATED) | Q(is_embedded=True))
    return frozenset(found.values_list("slug", flat=True))


def overridden(team: Team) -> tuple[tuple[str, str], ...]:
    """Return the pairs of pattern and model that routing sends the team's prompts to: learned, or by its own rules."""
    in_force = overrides.in_force(policies.scope_of(team))
    learned = {pattern: f"{entry.provider}/{entry.model}" for pattern, entry in in_force.items()}
    own = dict(_rules(team, Kind.ROUTE_PATTERN).values_list("pattern", "model"))
    return tuple(sorted({**learned, **own}.items()))


def _reachable(at: datetime) -> Iterator[OfferedModel]:
    price_of = prices.current_prices(at)
    rows = LanguageModel.objects.filter(is_enabled=True, is_routable=True, provider__is_enabled=True).exclude(tier="")
    rows = rows.exclude(provider__slug__in=stand_ins()).select_related("provider").order_by("provider__slug", "name")
    for row in rows:
        price = price_of.get(row.id)
        if price is not None and providers.config(row.provider, environ=os.environ) is not None:
            yield OfferedModel(
                f"{row.provider.slug}/{row.name}",
                _nano_usd(price.input_usd_per_mtok),
                _nano_usd(price.output_usd_per_mtok),
            )


def _rules(team: Team, kind: TeamRule.Kind) -> QuerySet[TeamRule]:
    return TeamRule.objects.filter(team=team, kind=kind)


def _nano_usd(usd: Decimal) -> int:
    return int(usd * _NANO_PER_USD)
