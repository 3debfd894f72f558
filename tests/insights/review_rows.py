"""A team with traffic that a review finds something in: code goes to a model that a cheaper one is as good as."""

from datetime import datetime, timedelta

from accounts.models import Team
from feedback.models import ResponseFeedback
from routing.models import LedgerEntry
from tests import factories

DEAR, CHEAP = "openai/gpt-dear", "openai/gpt-cheap"
REQUESTS, RATED = 40, 10


def team_with_traffic(now: datetime, slug: str = "search") -> Team:
    """Offer both models, and write 40 requests of yesterday to each, at 4 cents; those to the dear one are routed."""
    provider = factories.provider("openai")
    for name, rate in (("gpt-dear", "100"), ("gpt-cheap", "1")):
        factories.price(factories.language_model(provider, name), rate, rate)
    team = factories.team(slug)
    yesterday = now - timedelta(days=1)
    for name, strategy, stars in (("gpt-dear", "hybrid", 4), ("gpt-cheap", "named", 5)):
        rows = [_entry(team, name, strategy, yesterday - timedelta(minutes=place)) for place in range(REQUESTS)]
        LedgerEntry.objects.bulk_create(rows)
        factories.mark_hours(rows)
        ResponseFeedback.objects.bulk_create(_rating(team, row, stars) for row in rows[:RATED])
    return team


def _entry(team: Team, name: str, strategy: str, at: datetime) -> LedgerEntry:
    return factories.unsaved_ledger_entry(
        team,
        created_at=at,
        settled_at=at,
        pattern="code",
        provider="openai",
        served_model=name,
        strategy=strategy,
        requested_model="auto" if strategy == "hybrid" else name,
        cost_nano_usd=40_000_000,
        baseline_cost_nano_usd=90_000_000,
        prompt_fingerprint=f"{name} {at:%H%M%S}".ljust(64, "0"),
    )


def _rating(team: Team, row: LedgerEntry, stars: int) -> ResponseFeedback:
    return factories.unsaved_feedback(
        team,
        ledger_request_id=row.request_id,
        created_at=row.created_at,
        requested_at=row.created_at,
        pattern="code",
        provider="openai",
        served_model=row.served_model,
        quality_score=stars,
    )
