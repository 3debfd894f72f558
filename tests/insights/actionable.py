"""A team with two models to choose from, and findings whose actions can be taken."""

from typing import Any

from accounts.models import Team
from insights.domain.finding import ActionKind
from insights.models import Finding
from tests import factories

NOW = factories.NOON
SMALL, LARGE = "openai/gpt-small", "openai/gpt-large"


def team_with_models() -> Team:
    """Offer the small model, at 1 dollar a million tokens, and the large one at 10."""
    provider = factories.provider("openai")
    for name, tier, rate in (("gpt-small", "simple", "1.00"), ("gpt-large", "complex", "10.00")):
        factories.price(factories.language_model(provider, name, tier=tier), rate, rate)
    return factories.team("search")


def finding(team: Team, kind: ActionKind | None, **parameters: Any) -> Finding:
    """Raise a finding whose suggestion comes with an action of this kind, or with none."""
    return Finding.objects.create(
        team=team,
        fingerprint="f" * 32,
        finding_type="overpowered_model",
        category="cost",
        severity="high",
        title="Something costs too much",
        subject={},
        evidence={},
        suggestion="Do this.",
        action=None if kind is None else {"kind": kind.value, "parameters": parameters},
        confidence=0.9,
        assumption="",
        created_at=NOW,
        last_seen_on=NOW.date(),
    )
