"""Experiments, and the ledger rows that the gateway would have written for their requests."""

from datetime import datetime, timedelta
from typing import Any

from accounts.models import Team
from experiments.models import Experiment
from experiments.services import creation
from experiments.services.creation import Design
from feedback.models import ResponseFeedback
from routing.models import LedgerEntry
from tests import factories

START = factories.NOON
NOW = START + timedelta(hours=1)
TWO_DAYS_LATER = START + timedelta(days=2)
COMPLEXITY_AGAINST_HYBRID = {"name": "Cheaper?", "control_strategy": "complexity", "test_strategy": "hybrid"}


def begin(team: Team | None = None, *, now: datetime = START, **design: Any) -> Experiment:
    """Start an experiment of ``complexity`` against ``hybrid``, for a new team unless one is given."""
    return creation.create(
        Design(**{**COMPLEXITY_AGAINST_HYBRID, **design}), team=team or factories.team(), actor="ada", now=now
    )


def ask(
    experiment: Experiment,
    arm: str,
    users: int,
    cost_nano_usd: int | None,
    *,
    team: Team | None = None,
    first_user: int = 0,
    **fields: Any,
) -> list[LedgerEntry]:
    """Write one closed request of each of so many users of an arm, a minute after the experiment's start."""
    values: dict[str, Any] = {
        "experiment_id": experiment.id,
        "experiment_arm": arm,
        "experiment_phase": experiment.phase,
        "created_at": START + timedelta(minutes=1),
        "settled_at": START + timedelta(minutes=1),
        "cost_nano_usd": cost_nano_usd,
        "savings_nano_usd": None,
        **fields,
    }
    asking = team or experiment.team
    assert asking is not None, "name the team whose users ask in an experiment of all teams"
    rows = [
        factories.unsaved_ledger_entry(asking, user_id=f"{arm}-{number}", **values)
        for number in range(first_user, first_user + users)
    ]
    return LedgerEntry.objects.bulk_create(rows)


def half_the_cost(experiment: Experiment, users: int = 50) -> None:
    """Give each arm as many requests: $0.0002 each in control, $0.0001 in test."""
    ask(experiment, "control", users, 200_000)
    ask(experiment, "test", users, 100_000)


def rate(entry: LedgerEntry, stars: int, **fields: Any) -> ResponseFeedback:
    """Rate a request of an experiment, ten minutes after it began."""
    return factories.feedback(
        entry.team,
        **{
            "ledger_request_id": entry.request_id,
            "request_id": str(entry.request_id),
            "experiment_id": entry.experiment_id,
            "quality_score": stars,
            "created_at": START + timedelta(minutes=10),
            **fields,
        },
    )
