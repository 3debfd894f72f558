"""Scheduled work: each task calls one service and may safely run twice."""

from typing import Any

from jobs.decorators import job
from learning.models import RetrainingRun
from learning.services import alerts, orphans, promotion, retraining, training
from routing.services import database_clock

_ACTOR = "schedule"


@job
def retrain() -> dict[str, Any]:
    trigger = RetrainingRun.Trigger.SCHEDULE
    reports = retraining.retrain_all(trigger=trigger, actor=_ACTOR, now=database_clock.now())
    return {"policies": len(reports), "changes": sum(report.total_changes for report in reports)}


@job
def train_predictors() -> dict[str, int]:
    trained = training.train_all(actor=_ACTOR, now=database_clock.now())
    return {"trained": len(trained), "candidates": sum(one.candidate is not None for one in trained)}


@job
def watch() -> dict[str, int]:
    return {"alerts": len(alerts.watch(now=database_clock.now()))}


@job
def evaluate_candidates() -> dict[str, list[str]]:
    evaluated = promotion.evaluate_open(now=database_clock.now())
    return {"verdicts": [str(evaluation.verdict) for evaluation in evaluated]}


@job
def clean_orphans() -> dict[str, int]:
    return orphans.clean(now=database_clock.now())
