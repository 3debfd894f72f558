"""Traffic that a table policy decided, as ledger and feedback hold it: drawn from the policy's own odds, seeded."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from accounts.models import Team
from feedback.models import ResponseFeedback
from learning.domain.logged_decision import LoggedDecision, LoggedOption
from routing.domain import policy as policy_domain
from routing.domain.policy import Override, RoutingPolicy
from routing.domain.prompt import PromptFeatures
from routing.models import LedgerEntry, PolicyVersion
from routing.services import policies
from routing.services.policies import Kind
from tests import factories
from tests.learning import rated_models

NOW = factories.NOON + timedelta(days=10)
SMALL, LARGE = "openai/gpt-small", "openai/gpt-large"
OPTIONS = (
    LoggedOption(SMALL, "simple", Decimal("0.0001"), None),
    LoggedOption(LARGE, "moderate", Decimal("0.0020"), None),
)
NANO_USD = {SMALL: 100_000, LARGE: 2_000_000}


@dataclass(frozen=True)
class Shares:
    """How much a policy tries."""

    exploration: float = 0.3
    random: float = 0.1


TRIES = Shares()


def document(model: str, shares: Shares = TRIES, **fields: Any) -> dict[str, Any]:
    """Send code prompts to a model, and try both."""
    provider, _, name = model.partition("/")
    override = Override("code", provider, name, "high", 0.9, 50, 4.5, 0.9)
    return policy_domain.document(
        [override], exploration_share=shares.exploration, random_share=shares.random, **fields
    )


def publish(model: str, *, team: Team | None = None, shares: Shares = TRIES, **fields: Any) -> PolicyVersion:
    """Store a candidate that training made."""
    values = {"source": PolicyVersion.Source.PREDICTOR, "actor": "training", "now": NOW - timedelta(days=1), **fields}
    return policies.publish(team=team, document=document(model, shares), **values)


def activate(policy: PolicyVersion) -> RoutingPolicy:
    policies.activate(policy, kind=Kind.STAFF, actor="tests", reason="begin", now=NOW - timedelta(days=9))
    return policies.load(policy)


def decision(**fields: Any) -> LoggedDecision:
    """Return one decision of the complexity strategy about code, rated 0.5."""
    return replace(
        LoggedDecision(
            request_id=uuid.UUID(int=1),
            user="1:user:ada",
            is_named_user=True,
            strategy="",
            policy_version=None,
            features=PromptFeatures("code", 0.2, "simple", 100, None, None, False, False, False),
            options=OPTIONS,
            chosen=SMALL,
            propensity=1.0,
            reward=0.5,
            cost_nano_usd=100_000,
            team_min_quality=None,
            vector=None,
        ),
        **fields,
    )


def write(
    team: Team,
    policy: RoutingPolicy,
    *,
    users: int = 80,
    each: int = 5,
    reward: Mapping[str, float],
    seed: int = 1,
    **fields: Any,
) -> None:
    """Write decisions of a policy with their ratings, whose mean is ``reward`` by model and which differ by user."""
    rng = np.random.default_rng(seed)
    odds = decision().odds(policy, None)
    entries, ratings = [], []
    for user in range(users):
        kindness = rng.normal(0, 0.05)
        for _ in range(each):
            chosen = SMALL if rng.random() < odds[SMALL] else LARGE
            rated = float(np.clip(reward[chosen] + kindness + rng.normal(0, 0.1), 0, 1))
            entry = _entry(team, policy, f"user-{user}", chosen, odds[chosen], fields)
            entries.append(entry)
            ratings.append(_rating(team, entry, rated))
    LedgerEntry.objects.bulk_create(entries)
    ResponseFeedback.objects.bulk_create(ratings)


def catalog() -> None:
    rated_models.catalog()


def _entry(
    team: Team, policy: RoutingPolicy, user: str, chosen: str, propensity: float, fields: Mapping[str, Any]
) -> LedgerEntry:
    provider, _, name = chosen.partition("/")
    values: dict[str, Any] = {
        "request_id": uuid.uuid4(),
        "created_at": NOW - timedelta(days=2),
        "strategy": "hybrid",
        "policy_version": policy.version,
        "pattern": "code",
        "propensity": propensity,
        "candidates": [
            {
                "model": option.full_name,
                "tier": option.tier,
                "expected_cost_usd": str(option.expected_cost_usd),
                "expected_quality": 0.8,
            }
            for option in OPTIONS
        ],
        "provider": provider,
        "served_model": name,
        "attempts": [{"provider": provider, "model": name}],
        "user_id": user,
        "cost_nano_usd": NANO_USD[chosen],
        **fields,
    }
    return factories.unsaved_ledger_entry(team, **values)


def _rating(team: Team, entry: LedgerEntry, reward: float) -> ResponseFeedback:
    return factories.unsaved_feedback(
        team,
        ledger_request_id=entry.request_id,
        requested_at=entry.created_at,
        created_at=entry.created_at + timedelta(minutes=1),
        reward=reward,
        user_id=entry.user_id,
        pattern=entry.pattern,
        provider=entry.provider,
        served_model=entry.served_model,
        policy_version=entry.policy_version,
        propensity=entry.propensity,
        cost_nano_usd=entry.cost_nano_usd,
    )
