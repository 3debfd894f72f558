"""Actions that are rules of the team in routing: a pattern's model, a model left out, a cap on output."""

from typing import Any

from accounts.models import Team
from insights.services.action_kinds.kind import Cause, Change, NotApplicable, Parameters, Undo
from routing.domain.team_rules import InvalidRule, Kind
from routing.models import TeamRule
from routing.selectors import policies
from routing.services import team_rules
from routing.services.decisions import DEFAULT_STRATEGY
from routing.services.team_rules import RuleNotFound, Wanted

_NAMED_STAY = "Requests that name their model are served as asked."
_WITHIN = "In force within a second; it can be taken back at any time."


class RuleAction:
    """Puts one rule in force, and takes it out again."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def preview(self, team: Team, parameters: Parameters) -> Change:
        wanted = self._wanted(parameters)
        _check(wanted, team)
        standing = TeamRule.objects.filter(wanted.slot(), team=team).first()
        is_there = standing is not None and (standing.model, standing.max_tokens) == (wanted.model, wanted.max_tokens)
        summary, before, after = _WORDS[self._kind](wanted, standing, team)
        return Change(summary, before, after, (*_NOTES[self._kind], _NAMED_STAY, _WITHIN), is_needed=not is_there)

    def apply(self, team: Team, parameters: Parameters, cause: Cause) -> Undo:
        wanted = self._wanted(parameters)
        try:
            placed = team_rules.add(wanted, team=team, actor=cause.actor, now=cause.now, reason=cause.reason)
        except InvalidRule as error:
            raise NotApplicable(str(error)) from error
        if not placed.is_new:
            return {}
        return {"rule_id": placed.rule.id, "before": None if placed.before is None else _document(placed.before)}

    def revert(self, team: Team, undo: Undo, cause: Cause) -> None:
        """Remove the rule, unless somebody has replaced or removed it since; what it replaced comes back."""
        if not undo:
            return
        try:
            team_rules.remove(undo["rule_id"], team=team)
        except RuleNotFound:
            return
        if (before := undo["before"]) is None:
            return
        try:
            team_rules.add(self._wanted(before), team=team, actor=cause.actor, now=cause.now, reason=cause.reason)
        except InvalidRule as error:
            raise NotApplicable(f"The rule that stood before cannot come back: {error}") from error

    def _wanted(self, parameters: Parameters) -> Wanted:
        return Wanted(
            self._kind, parameters.get("pattern", ""), parameters.get("model", ""), parameters.get("max_tokens")
        )


def _check(wanted: Wanted, team: Team) -> None:
    try:
        team_rules.check(wanted, team=team)
    except InvalidRule as error:
        raise NotApplicable(str(error)) from error


def _document(rule: TeamRule) -> dict[str, Any]:
    return {"pattern": rule.pattern, "model": rule.model, "max_tokens": rule.max_tokens}


def _routed(wanted: Wanted, standing: TeamRule | None, team: Team) -> tuple[str, str, str]:
    before = f"a rule sends them to {standing.model}" if standing else f"{_usual_strategy(team)} chooses for each"
    return f"Send {wanted.pattern} requests to {wanted.model}.", before, f"all go to {wanted.model}"


def _left_out(wanted: Wanted, standing: TeamRule | None, team: Team) -> tuple[str, str, str]:
    where = f"{wanted.pattern} requests" if wanted.pattern else "all requests"
    before = f"{wanted.model} is left out already" if standing else f"routing may choose {wanted.model}"
    return f"Leave {wanted.model} out for {where}.", before, "routing chooses among the others, also after a failure"


def _capped(wanted: Wanted, standing: TeamRule | None, team: Team) -> tuple[str, str, str]:
    what = f"{wanted.pattern or 'all'} requests{f' to {wanted.model}' if wanted.model else ''}"
    before = f"at most {standing.max_tokens:,} tokens" if standing else "as many tokens as the caller allows"
    return f"Cap max_tokens of {what} at {wanted.max_tokens:,}.", before, f"at most {wanted.max_tokens:,} tokens"


def _usual_strategy(team: Team) -> str:
    active = policies.active(policies.scope_of(team))
    return f"the strategy {active.document['strategy'] if active else DEFAULT_STRATEGY}"


_WORDS = {Kind.ROUTE_PATTERN: _routed, Kind.EXCLUDE_MODEL: _left_out, Kind.CAP_MAX_TOKENS: _capped}
_NOTES = {
    Kind.ROUTE_PATTERN: (
        "Where the model cannot serve a request, or is not expected to reach the quality it asks for, the strategy "
        "chooses as before.",
        "Requests in an experiment go where its arm says.",
    ),
    Kind.EXCLUDE_MODEL: (),
    Kind.CAP_MAX_TOKENS: (
        "A caller with a smaller limit keeps it; one without any gets this one.",
        "A longer answer would be cut off.",
    ),
}
