"""What the gateway decides from, held in memory: keys, teams, budgets, providers, models, prices, policies,
splits and rules of teams.

A snapshot is immutable and carries the number of the configuration it was loaded from; ``current`` is replaced as a
whole when that number has moved. See docs/adr/0002 for why it is polled.
"""

import logging
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import MappingProxyType

from django.utils import timezone

from accounts import selectors as accounts_selectors
from accounts.domain.features import Gates
from accounts.selectors import KeyInfo, TeamInfo
from accounts.services import config_version, features
from routing.domain.catalog import ModelSpec
from routing.domain.policy import RoutingPolicy
from routing.domain.team_rules import PatternRules
from routing.models import LanguageModel, ModelPrice, Provider
from routing.providers.base import ProviderConfig
from routing.selectors import prices, team_rules
from routing.services import policies, running_splits
from routing.services import providers as provider_services
from routing.services.running_splits import RunningSplit

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Snapshot:
    """One consistent view of the configuration.

    ``models`` are those of reachable providers, best provider first; ``unreachable`` names the provider of every model
    that only a provider without a key (or one that is paused) offers. ``policies`` are the active ones, by id of the
    team, None for the one that teams share; ``splits`` are those of running experiments, by its id; ``rules`` are by id
    of the team and by pattern, without those that have none. ``gates`` say which features are on.
    """

    version: int
    loaded_at: datetime
    keys: Mapping[str, KeyInfo]
    teams: Mapping[int, TeamInfo]
    models: tuple[ModelSpec, ...]
    providers: Mapping[str, ProviderConfig]
    unreachable: Mapping[str, str] = field(repr=False)
    policies: Mapping[int | None, RoutingPolicy] = field(default_factory=dict)
    splits: Mapping[int, RunningSplit] = field(default_factory=dict)
    rules: Mapping[int, Mapping[str, PatternRules]] = field(default_factory=dict)
    gates: Gates = field(default_factory=Gates)

    @cached_property
    def routable(self) -> tuple[ModelSpec, ...]:
        return tuple(model for model in self.models if model.is_routable)

    @cached_property
    def _by_name(self) -> Mapping[str, tuple[ModelSpec, ...]]:
        found: dict[str, list[ModelSpec]] = {}
        for model in self.models:
            for name in {model.full_name, model.name, model.canonical_name}:
                found.setdefault(name, []).append(model)
        return MappingProxyType({name: tuple(models) for name, models in found.items()})

    def resolve(self, name: str) -> tuple[ModelSpec, ...]:
        """Return the models a caller may mean by ``name``, the one to ask first at the head."""
        return self._by_name.get(name, ())

    def policy_for(self, team: TeamInfo | None) -> RoutingPolicy | None:
        """Return the policy that routes for a team: its own where it learns alone, else the shared one."""
        return self.policies.get(team.id if team is not None and team.learns_alone else None)

    def rules_for(self, team: TeamInfo | None, pattern: str) -> PatternRules | None:
        """Return what a team has decided about a pattern, None where that is nothing."""
        found = self.rules.get(team.id) if team is not None else None
        return None if found is None else found.get(pattern)


_current: Snapshot | None = None
_checked_at = 0.0
_lock = threading.Lock()


def load(held: Snapshot | None = None) -> Snapshot:
    """Read the configuration from the database; policies that ``held`` has loaded are taken from it."""
    now = timezone.now()
    version = config_version.current()
    # First: whoever has a key finds all that was set up before it, though the rest changes while it is read.
    keys = accounts_selectors.active_keys(now)
    configs, models, unreachable = _load_catalog(now)
    active = policies.active_policies(held.policies if held else {})
    return Snapshot(
        version=version,
        loaded_at=now,
        keys=MappingProxyType({key.key_hash: key for key in keys}),
        teams=MappingProxyType({key.team.id: key.team for key in keys}),
        models=models,
        providers=MappingProxyType(configs),
        unreachable=MappingProxyType(unreachable),
        policies=MappingProxyType(active),
        splits=MappingProxyType(running_splits.load([*active.values(), *_policies_on_trial(held)])),
        rules=MappingProxyType(team_rules.by_team()),
        gates=features.load(),
    )


def refresh() -> Snapshot:
    """Load a new snapshot if the configuration has changed, and once a minute for prices whose time has come."""
    global _current, _checked_at
    with _lock:
        held = _current
        if held is None or config_version.current() != held.version or _age_seconds(held) > 60:
            _current = load(held)
            if held is None or held.version != _current.version:
                logger.info("Configuration %s loaded: %s models", _current.version, len(_current.models))
        _checked_at = time.monotonic()
        assert _current is not None
        return _current


def current() -> Snapshot:
    """Return the snapshot; where nothing polls (a command, a worker) its age is checked on use."""
    if _current is None or time.monotonic() - _checked_at > 2 * POLL_SECONDS:
        return refresh()
    return _current


def refresh_if_held() -> None:
    """Catch up with a change that this process has just made, where it decides from memory at all."""
    if _current is not None:
        refresh()


def held() -> Snapshot:
    """Return the snapshot without looking at its age: the gateway's view, kept fresh by its poller."""
    assert _current is not None, "The snapshot has not been loaded."
    return _current


def reset() -> None:
    """Forget the snapshot; the next use loads it."""
    global _current
    _current = None


def _age_seconds(snapshot: Snapshot) -> float:
    return (timezone.now() - snapshot.loaded_at).total_seconds()


def _policies_on_trial(held: Snapshot | None) -> list[RoutingPolicy]:
    return [policy for running in held.splits.values() for policy in running.policies.values()] if held else []


def _load_catalog(now: datetime) -> tuple[dict[str, ProviderConfig], tuple[ModelSpec, ...], dict[str, str]]:
    rows = list(Provider.objects.order_by("priority", "slug"))
    configs = {
        row.slug: config for row in rows if (config := provider_services.config(row, environ=os.environ)) is not None
    }
    rank = {row.id: position for position, row in enumerate(rows)}
    slugs = {row.id: row for row in rows}
    price_of = prices.current_prices(now)
    models = []
    unreachable: dict[str, str] = {}
    for row in sorted(LanguageModel.objects.filter(is_enabled=True), key=lambda row: (rank[row.provider_id], row.name)):
        provider = slugs[row.provider_id]
        if provider.slug in configs:
            models.append(_spec(row, provider, price_of.get(row.id)))
        else:
            for name in (row.name, f"{provider.slug}/{row.name}"):
                unreachable.setdefault(name, provider.slug)
    return configs, tuple(models), unreachable


def _spec(row: LanguageModel, provider: Provider, price: ModelPrice | None) -> ModelSpec:
    return ModelSpec(
        id=row.id,
        provider=provider.slug,
        name=row.name,
        upstream_name=row.upstream_name,
        canonical_name=row.canonical_name,
        tier=row.tier or None,
        price=None if price is None else prices.schedule(price),
        price_id=None if price is None else price.id,
        context_tokens=row.context_tokens,
        max_output_tokens=row.max_output_tokens,
        supports_tools=row.supports_tools,
        supports_images=row.supports_images,
        supports_json=row.supports_json,
        is_routable=row.is_routable,
        allow_unpriced=row.allow_unpriced,
        is_simulated=provider.kind == Provider.Kind.SIMULATED,
        is_embedded=provider.is_embedded,
    )
