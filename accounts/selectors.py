"""What the gateway needs to know about its callers, and what people are shown of their budgets."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q, QuerySet

from accounts.domain.features import WHAT_IT_DOES, Feature, Gates, Rollout, Source
from accounts.domain.periods import period_start
from accounts.models import ApiKey, Budget, BudgetPeriod, FeatureGate, RolloutPhase, Team


@dataclass(frozen=True, slots=True)
class TeamInfo:
    """A team's settings; ``baseline_model`` is empty for the default, ``min_quality`` in [0, 1] or None likewise.

    ``upgrade_limit_percent`` is None for the installation's, 100 for none.
    """

    id: int
    slug: str
    baseline_model: str
    cache_ttl_seconds: int | None
    prompt_retention_days: int | None
    min_quality: float | None = None
    keeps_embeddings: bool = True
    learns_alone: bool = False
    upgrade_limit_percent: int | None = None


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key that may be used until ``expires_at``; ``budget_ids`` are those of its team and its own."""

    id: int
    key_hash: str
    prefix: str
    scopes: frozenset[str]
    requests_per_minute: int | None
    expires_at: datetime | None
    team: TeamInfo
    budget_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """A budget in its current period; ``left_nano_usd`` is what a request may still reserve, 0 or more."""

    budget_id: int
    team_slug: str
    api_key_prefix: str | None
    period: str
    period_start: date
    is_hard: bool
    limit_nano_usd: int
    spent_nano_usd: int
    reserved_nano_usd: int
    overrun_nano_usd: int
    left_nano_usd: int


@dataclass(frozen=True, slots=True)
class FeatureStatus:
    """Whether a feature is on, and why.

    Attributes:
        is_enabled: on for everybody, as far as the rollout reaches.
        is_enabled_for_team: on for the team that was asked about; None where none was.
        source: what decides where a team has no setting of its own.
        setting: what staff have set for everybody, if anything.
        teams: what they have set for single teams.
    """

    name: Feature
    description: str
    is_enabled: bool
    is_enabled_for_team: bool | None
    source: Source
    rollout_phase: int | None
    setting: FeatureGate | None
    teams: tuple[FeatureGate, ...]


def usable_keys(now: datetime) -> QuerySet[ApiKey]:
    """Return the keys of active teams that are neither revoked nor expired, each with its team."""
    unexpired = Q(expires_at=None) | Q(expires_at__gt=now)
    return ApiKey.objects.filter(unexpired, revoked_at=None, team__is_active=True).select_related("team")


def active_keys(now: datetime) -> list[KeyInfo]:
    """Return every key that a request may come with, by id."""
    of_team: dict[int, list[int]] = defaultdict(list)
    of_key: dict[int, list[int]] = defaultdict(list)
    for budget_id, team_id, api_key_id in Budget.objects.order_by("id").values_list("id", "team_id", "api_key_id"):
        owner = of_team[team_id] if api_key_id is None else of_key[api_key_id]
        owner.append(budget_id)
    teams: dict[int, TeamInfo] = {}
    keys = []
    for key in usable_keys(now).order_by("id"):
        team = teams.setdefault(key.team_id, _team_info(key.team))
        keys.append(_key_info(key, team, (*of_team[key.team_id], *of_key[key.id])))
    return keys


def budget_statuses(team: Team | None, today: date) -> list[BudgetStatus]:
    """Return the budgets of a team, or of all teams for None, in the periods that hold ``today`` (UTC)."""
    budgets = Budget.objects.select_related("team", "api_key").order_by("team__slug", "period", "id")
    if team is not None:
        budgets = budgets.filter(team=team)
    rows = BudgetPeriod.objects.filter(
        budget__in=budgets.values("id"), period_start__in={period_start(name, today) for name in Budget.Period.values}
    )
    current = {(row.budget_id, row.period_start): row for row in rows}
    return [_status(budget, period_start(budget.period, today), current) for budget in budgets]


def gates(*, forced_off: frozenset[Feature]) -> Gates:
    """Return which features are on, with those that the environment forces off."""
    off: set[Feature] = set()
    teams: dict[int, dict[Feature, bool]] = defaultdict(dict)
    for name, team_id, is_enabled in FeatureGate.objects.values_list("feature", "team_id", "is_enabled"):
        if team_id is not None:
            teams[team_id][Feature(name)] = is_enabled
        elif not is_enabled:
            off.add(Feature(name))
    phase = current_phase()
    rollout = None
    if phase is not None:
        rollout = Rollout(frozenset(map(Feature, phase.features)), phase.reach, phase.number)
    return Gates(forced_off, frozenset(off), dict(teams), rollout)


def feature_statuses(gates: Gates, team: Team | None = None) -> list[FeatureStatus]:
    """Return every feature; for a team, with its own settings only."""
    rows = FeatureGate.objects.select_related("team").order_by("team__slug")
    if team is not None:
        rows = rows.filter(Q(team=team) | Q(team=None))
    settings: dict[str, list[FeatureGate]] = defaultdict(list)
    for row in rows:
        settings[row.feature].append(row)
    return [_feature_status(feature, gates, team, settings[feature]) for feature in Feature]


def current_phase() -> RolloutPhase | None:
    """Return the phase that the rollout is in, None while none runs."""
    return RolloutPhase.objects.filter(ended_at=None).first()


def _feature_status(feature: Feature, gates: Gates, team: Team | None, settings: list[FeatureGate]) -> FeatureStatus:
    is_rolled_out = gates.rollout is not None and feature in gates.rollout.features
    return FeatureStatus(
        name=feature,
        description=WHAT_IT_DOES[feature],
        is_enabled=gates.is_enabled(feature),
        is_enabled_for_team=None if team is None else gates.is_enabled(feature, team),
        source=gates.source(feature),
        rollout_phase=gates.rollout.phase if gates.rollout is not None and is_rolled_out else None,
        setting=next((row for row in settings if row.team_id is None), None),
        teams=tuple(row for row in settings if row.team_id is not None),
    )


def _status(budget: Budget, start: date, current: dict[tuple[int, date], BudgetPeriod]) -> BudgetStatus:
    row = current.get((budget.id, start)) or BudgetPeriod(
        budget=budget, period_start=start, limit_nano_usd=budget.limit_nano_usd
    )
    return BudgetStatus(
        budget_id=budget.id,
        team_slug=budget.team.slug,
        api_key_prefix=budget.api_key.prefix if budget.api_key else None,
        period=budget.period,
        period_start=start,
        is_hard=budget.is_hard,
        limit_nano_usd=row.limit_nano_usd,
        spent_nano_usd=row.spent_nano_usd,
        reserved_nano_usd=row.reserved_nano_usd,
        overrun_nano_usd=row.overrun_nano_usd,
        left_nano_usd=max(0, row.limit_nano_usd - row.spent_nano_usd - row.reserved_nano_usd),
    )


def in_scope(team: Team | None) -> Q:
    """Restrict rows with a team to what one policy learns from: a team's own, or all that learn together (None)."""
    return Q(team__learns_alone=False) if team is None else Q(team=team)


def _team_info(team: Team) -> TeamInfo:
    return TeamInfo(
        id=team.id,
        slug=team.slug,
        baseline_model=team.baseline_model,
        cache_ttl_seconds=team.cache_ttl_seconds,
        prompt_retention_days=team.prompt_retention_days,
        min_quality=team.min_quality,
        keeps_embeddings=team.keeps_embeddings,
        learns_alone=team.learns_alone,
        upgrade_limit_percent=team.upgrade_limit_percent,
    )


def _key_info(key: ApiKey, team: TeamInfo, budget_ids: tuple[int, ...]) -> KeyInfo:
    return KeyInfo(
        id=key.id,
        key_hash=key.key_hash,
        prefix=key.prefix,
        scopes=frozenset(key.scopes),
        requests_per_minute=key.requests_per_minute,
        expires_at=key.expires_at,
        team=team,
        budget_ids=budget_ids,
    )
