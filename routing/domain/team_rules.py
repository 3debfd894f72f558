"""What a team has decided about its routed requests: the model of a pattern, models to leave out, limits on output.

Rules choose or restrict where the product chooses; a request that names its model is served as asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from routing.domain.catalog import Candidate, ModelSpec
from routing.domain.decision import RoutingDecision
from routing.domain.prompt import PATTERNS, PromptFeatures
from routing.domain.rule import Kind, Rule
from routing.domain.situation import Situation
from routing.domain.strategies import Strategy

__all__ = ["InvalidRule", "Kind", "PatternRules", "Rule"]

# The name under which the ledger keeps decisions that a rule made.
STRATEGY = "rule"


class InvalidRule(ValueError):
    """There can be no such rule; the message says why."""


@dataclass(frozen=True, slots=True)
class PatternRules:
    """The rules that concern one pattern of a team; ``caps`` are by model, empty for all models."""

    rules: tuple[Rule, ...]
    routed_to: str | None
    excluded: frozenset[str]
    caps: Mapping[str, int]

    def cap_for(self, model: ModelSpec) -> int | None:
        """Return the smallest limit on the output of a request that this model is chosen for."""
        limits = [self.caps[name] for name in ("", model.full_name) if name in self.caps]
        return min(limits, default=None)


def check(kind: Kind, pattern: str, model: str, max_tokens: int | None) -> None:
    """Raise InvalidRule unless the parts make a rule."""
    if pattern and pattern not in PATTERNS:
        raise InvalidRule(f"There is no pattern {pattern[:64]!r}; use one of: {', '.join(PATTERNS)}.")
    if kind is Kind.ROUTE_PATTERN and not (pattern and model):
        raise InvalidRule("Name the pattern to route, and the model to route it to.")
    if kind is Kind.EXCLUDE_MODEL and not model:
        raise InvalidRule("Name the model to leave out.")
    if (max_tokens is not None) != (kind is Kind.CAP_MAX_TOKENS):
        raise InvalidRule("Give max_tokens with a cap, and only there.")
    if max_tokens is not None and max_tokens < 1:
        raise InvalidRule("A cap allows at least 1 token.")


def by_pattern(rules: Iterable[Rule]) -> dict[str, PatternRules]:
    """Return what concerns each pattern that has a rule, from all rules of one team."""
    ordered = sorted(rules, key=lambda rule: rule.id)
    found = {pattern: [rule for rule in ordered if rule.pattern in ("", pattern)] for pattern in PATTERNS}
    return {pattern: _of_pattern(concerned) for pattern, concerned in found.items() if concerned}


def decide(rules: PatternRules, situation: Situation, strategy: Strategy, *, may_route: bool) -> RoutingDecision:
    """Decide by the team's rule for the pattern where it has one that fits, else by the strategy.

    A rule fits unless its model cannot serve the request, or is not expected to reach the quality that the request
    itself asks for. The team's own minimum makes way, for the rule is the team's too.

    Args:
        situation: Its candidates are without the models that the team leaves out.
        may_route: False where an experiment decides.

    Raises:
        NoEligibleModel: No candidate is expected to reach the request's minimum.
    """
    if rules.routed_to is None or not may_route:
        return replace(strategy.decide(situation), rules=rules.rules)
    situation = situation.informed()
    chosen = _fitting(rules.routed_to, situation)
    if chosen is None:
        decision = strategy.decide(situation)
        why = f"a rule of the team names {rules.routed_to}, which cannot serve this request"
        return replace(decision, reasoning=f"{why}; {decision.reasoning}", rules=rules.rules)
    return RoutingDecision(
        strategy=STRATEGY,
        chosen=chosen,
        considered=tuple(situation.candidates),
        confidence=None,
        propensity=1.0,
        reasoning=f"a rule of the team sends {situation.features.pattern} prompts to {rules.routed_to}",
        rules=rules.rules,
    )


def limited(features: PromptFeatures, cap: int | None) -> PromptFeatures | None:
    """Return the features with the cap as the limit on output; None where the request is within it."""
    asked = features.max_output_tokens
    if cap is None or (asked is not None and asked <= cap):
        return None
    return replace(features, max_output_tokens=cap)


def limited_body(body: Mapping[str, Any], cap: int) -> dict[str, Any]:
    """Return a chat-completions body that asks for at most ``cap`` tokens, by the name that the caller used."""
    named = {name: min(cap, body[name]) for name in ("max_completion_tokens", "max_tokens") if body.get(name)}
    return {**body, **(named or {"max_tokens": cap})}


def _fitting(name: str, situation: Situation) -> Candidate | None:
    candidate = next((each for each in situation.candidates if each.model.full_name == name), None)
    wanted = situation.controls.min_quality
    if candidate is None or wanted is None:
        return candidate
    return candidate if (candidate.expected_quality or 0.0) >= wanted else None


def _of_pattern(rules: Sequence[Rule]) -> PatternRules:
    caps: dict[str, int] = {}
    for rule in rules:
        if rule.kind is Kind.CAP_MAX_TOKENS and rule.max_tokens is not None:
            caps[rule.model] = min(rule.max_tokens, caps.get(rule.model, rule.max_tokens))
    return PatternRules(
        tuple(rules),
        next((rule.model for rule in rules if rule.kind is Kind.ROUTE_PATTERN), None),
        frozenset(rule.model for rule in rules if rule.kind is Kind.EXCLUDE_MODEL),
        caps,
    )
