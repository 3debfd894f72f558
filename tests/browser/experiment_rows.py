"""Experiments that have run for a while: requests of many users, some of them rated, and the looks that were taken."""

import random
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Team
from experiments.models import Experiment, ExperimentSnapshot
from experiments.services import analyses, creation
from experiments.services.creation import Design
from feedback.models import ResponseFeedback
from routing.models import LedgerEntry
from tests import factories

LOOKS = 8
RUNS_FOR = timedelta(hours=60)


def running(
    *, users: int = 40, cost: float = 0.7, stars: float = 0.0, slower: float = 1.0, looks: int = LOOKS, **design: Any
) -> Experiment:
    """Return an experiment that began 60 hours ago and was looked at at even distances.

    ``users`` join each arm between two looks, with three requests each. The test's cost is ``cost`` times that of the
    control, its answers take ``slower`` times as long, and its ratings have ``stars`` more.
    """
    began = timezone.now() - RUNS_FOR
    team = Team.objects.filter(slug="builders").first() or factories.team("builders")
    experiment = creation.create(
        Design(
            **{
                "name": "Hybrid instead of complexity",
                "control_strategy": "complexity",
                "test_strategy": "hybrid",
                "description": "Half of the traffic of the builders, to see what the learned policy saves.",
                "traffic_percent": 50.0,
                **design,
            }
        ),
        team=team,
        actor="casey",
        now=began,
    )
    chance = random.Random(experiment.name)
    for look in range(looks):
        at = began + (look + 0.9) * RUNS_FOR / looks
        for arm, factors in (("control", (1.0, 0.0, 1.0)), ("test", (cost, stars, slower))):
            _ask(experiment, arm, range(look * users, (look + 1) * users), at, factors, chance)
        experiment, _ = analyses.look(experiment, trigger=ExperimentSnapshot.Trigger.SCHEDULE, now=at)
    return experiment


def _ask(
    experiment: Experiment,
    arm: str,
    users: range,
    at: datetime,
    factors: tuple[float, float, float],
    chance: random.Random,
) -> None:
    cost, stars, slower = factors
    team = experiment.team
    assert team is not None
    rows = []
    for number in users:
        for _ in range(3):
            reference = int(2_000_000 * chance.lognormvariate(0, 0.8))
            asked_at = at - timedelta(minutes=chance.uniform(1, 300))
            rows.append(
                factories.unsaved_ledger_entry(
                    team,
                    user_id=f"{arm}-{number}",
                    experiment_id=experiment.id,
                    experiment_arm=arm,
                    experiment_phase=experiment.phase,
                    created_at=asked_at,
                    settled_at=asked_at,
                    reference_cost_nano_usd=reference,
                    cost_nano_usd=int(reference * 0.6 * cost * chance.lognormvariate(0, 0.4)),
                    savings_nano_usd=None,
                    latency_ms=int(900 * slower * chance.lognormvariate(0, 0.5)),
                )
            )
    LedgerEntry.objects.bulk_create(rows)
    ResponseFeedback.objects.bulk_create(
        factories.unsaved_feedback(
            row.team,
            ledger_request_id=row.request_id,
            experiment_id=row.experiment_id,
            quality_score=max(1, min(5, round(chance.gauss(4.2 + stars, 0.6)))),
            created_at=row.created_at,
        )
        for row in rows[::2]
    )
