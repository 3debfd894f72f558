from collections.abc import Mapping

from routing.domain import team_rules
from routing.domain.team_rules import Kind, PatternRules, Rule
from routing.models import TeamRule


def by_team() -> dict[int, Mapping[str, PatternRules]]:
    """Return the rules of all teams that have some, by team and pattern."""
    found: dict[int, list[Rule]] = {}
    for row in TeamRule.objects.order_by("id"):
        rule = Rule(row.id, Kind(row.kind), row.pattern, row.model, row.max_tokens)
        found.setdefault(row.team_id, []).append(rule)
    return {team_id: team_rules.by_pattern(rules) for team_id, rules in found.items()}
