"""Makes and removes the rules of teams.

Changes take turns as those of splits do, by the row that counts changes of configuration. Other processes follow within
a second, this one as soon as the change is committed.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from accounts.models import Team
from accounts.services import config_version
from routing.domain import team_rules
from routing.domain.prompt import PATTERNS
from routing.domain.team_rules import InvalidRule, Kind
from routing.models import LanguageModel, TeamRule
from routing.services import snapshot


class RuleNotFound(Exception):
    """The team has no such rule; it may have been removed before."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rule to be; empty parts as ``routing.domain.team_rules.Rule`` has them."""

    kind: Kind
    pattern: str = ""
    model: str = ""
    max_tokens: int | None = None

    def slot(self) -> Q:
        """Find the rule that this one would take the place of."""
        found = Q(kind=self.kind.value, pattern=self.pattern)
        return found if self.kind is Kind.ROUTE_PATTERN else found & Q(model=self.model)


@dataclass(frozen=True, slots=True)
class Placed:
    """The rule in force now, and what it took the place of; a rule that was there already is its own ``before``."""

    rule: TeamRule
    before: TeamRule | None

    @property
    def is_new(self) -> bool:
        return self.before is None or self.before.id != self.rule.id


def add(wanted: Wanted, *, team: Team, actor: str, now: datetime, reason: str = "") -> Placed:
    """Put a rule in force, in place of the one on the same subject if there is one.

    Raises:
        InvalidRule: Its parts make no rule, the model is not one that routing may choose, or nothing would be left to
            choose from.
    """
    check(wanted, team=team)
    with transaction.atomic():
        config_version.bump()
        before = TeamRule.objects.filter(wanted.slot(), team=team).first()
        if before is not None:
            if (before.model, before.max_tokens) == (wanted.model, wanted.max_tokens):
                return Placed(before, before)
            TeamRule.objects.filter(id=before.id).delete()
        rule = TeamRule.objects.create(
            team=team,
            kind=wanted.kind.value,
            pattern=wanted.pattern,
            model=wanted.model,
            max_tokens=wanted.max_tokens,
            reason=reason[:500],
            created_by=actor[:200],
            created_at=now,
        )
        _tell()
    return Placed(rule, before)


def remove(rule_id: int, *, team: Team) -> TeamRule:
    """Take a rule out of force and return what it was.

    Raises:
        RuleNotFound: The team has no rule of this number.
    """
    with transaction.atomic():
        config_version.bump()
        rule = TeamRule.objects.filter(id=rule_id, team=team).first()
        if rule is None:
            raise RuleNotFound(f"The team {team.slug} has no rule {rule_id}; it may have been removed before.")
        TeamRule.objects.filter(id=rule_id).delete()
        _tell()
    return rule


def check(wanted: Wanted, *, team: Team) -> None:
    """Raise InvalidRule where ``add`` would; nothing is stored."""
    team_rules.check(wanted.kind, wanted.pattern, wanted.model, wanted.max_tokens)
    if not wanted.model:
        return
    open_models = _routable_models()
    if wanted.model not in open_models:
        raise InvalidRule(
            f"{wanted.model} is no model that routing may choose. Name one as provider/name, or open it to routing "
            "(admin: Language models)."
        )
    if wanted.kind is Kind.EXCLUDE_MODEL:
        _check_leaves_some(wanted, open_models, team)


def _routable_models() -> set[str]:
    rows = LanguageModel.objects.filter(is_enabled=True, is_routable=True).values_list("provider__slug", "name")
    return {f"{provider}/{name}" for provider, name in rows}


def _check_leaves_some(wanted: Wanted, open_models: set[str], team: Team) -> None:
    excluded = TeamRule.objects.filter(team=team, kind=TeamRule.Kind.EXCLUDE_MODEL)
    for pattern in [wanted.pattern] if wanted.pattern else PATTERNS:
        names = set(excluded.filter(pattern__in=("", pattern)).values_list("model", flat=True))
        if not open_models - names - {wanted.model}:
            raise InvalidRule(
                f"Without {wanted.model} no model would be left for {pattern} requests. Open another one to routing "
                "first, or remove a rule that leaves one out."
            )


def _tell() -> None:
    """Let a process that decides from memory know at once; where that fails, it finds out by its own polling."""
    transaction.on_commit(snapshot.refresh_if_held, robust=True)
