"""Traffic in which a review finds something, made in a few statements."""

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from accounts.models import Team
from feedback.models import ResponseFeedback
from feedback.services import tallies
from insights.models import Finding, Review, SuggestionFeedback
from insights.services import reviews
from routing.models import LedgerEntry, Provider
from tests import factories

# A Wednesday of the ISO week 2026-W10.
NOW = factories.NOON
YESTERDAY = NOW - timedelta(days=1)


def catalog() -> None:
    """Offer a dear and a cheap model: 10 and 30 dollars per million tokens against 1 and 2."""
    if Provider.objects.filter(slug="openai").exists():
        return
    provider = factories.provider("openai")
    factories.price(factories.language_model(provider, "gpt-large", tier="complex"), "10", "30")
    factories.price(factories.language_model(provider, "gpt-small"), "1", "2")


def requests(team: Team, count: int, **fields: Any) -> list[LedgerEntry]:
    """Write requests of yesterday, a second apart, each of its own prompt unless one is given."""
    rows = [
        factories.unsaved_ledger_entry(
            team,
            **{
                "created_at": YESTERDAY + timedelta(seconds=number),
                "prompt_fingerprint": f"{uuid.uuid4().hex}",
                **fields,
            },
        )
        for number in range(count)
    ]
    LedgerEntry.objects.bulk_create(rows)
    factories.mark_hours(rows)
    return rows


def ratings(team: Team, count: int, **fields: Any) -> None:
    """Write ratings of yesterday, each of a request of its own."""
    values = {"created_at": YESTERDAY, "requested_at": YESTERDAY, "quality_score": 5, **fields}
    rows = [factories.unsaved_feedback(team, **values) for _ in range(count)]
    ResponseFeedback.objects.bulk_create(rows)
    tallies.mark([row.created_at for row in rows])


def overpowered(team: Team, *, requests_made: int = 40, cost_nano_usd: int = 50_000_000) -> None:
    """Let the dear model answer code for 5 cents each, of which people think as well as of the cheap one."""
    catalog()
    requests(team, requests_made, served_model="gpt-large", pattern="code", cost_nano_usd=cost_nano_usd)
    for model in ("gpt-large", "gpt-small"):
        ratings(team, 10, served_model=model, pattern="code")


def reviewed(team: Team, **options: Any) -> Review:
    """Review the team as the API does, at ``NOW`` unless another time is given."""
    return reviews.run(team, **{"trigger": Review.Trigger.API, "actor": "test", "now": NOW, **options})


def finding(team: Team, **fields: Any) -> Finding:
    """Write one open finding that nothing in the ledger stands behind."""
    return Finding.objects.create(**finding_fields(team, **fields))


def finding_fields(team: Team, **fields: Any) -> dict[str, Any]:
    mark = fields.get("fingerprint", uuid.uuid4().hex)
    return {
        "team": team,
        "fingerprint": mark,
        "finding_type": "overpowered_model",
        "category": "cost",
        "severity": "medium",
        "title": "A cheaper model would do",
        "subject": {"model": f"openai/{mark}", "pattern": "code"},
        "evidence": {"requests": 40},
        "suggestion": "Route code requests to openai/gpt-small.",
        "action": None,
        "confidence": 0.9,
        "estimated_monthly_savings_nano_usd": 5_000_000_000,
        "assumption": "Traffic goes on.",
        "created_at": NOW,
        "last_seen_on": NOW.date(),
        **fields,
    }


def answers(team: Team, given: Iterable[tuple[str, float]], **fields: Any) -> None:
    """Write answers with the confidence of their findings, each to a finding of its own."""
    given = list(given)
    found = [Finding(**finding_fields(team, confidence=confidence)) for _, confidence in given]
    Finding.objects.bulk_create(found)
    SuggestionFeedback.objects.bulk_create(
        SuggestionFeedback(
            **{
                "team": team,
                "finding": each,
                "verdict": verdict,
                "actor": "test",
                "created_at": YESTERDAY,
                "finding_type": each.finding_type,
                "category": each.category,
                "severity": each.severity,
                "confidence": confidence,
                "has_action": False,
                **fields,
            }
        )
        for each, (verdict, confidence) in zip(found, given, strict=True)
    )
