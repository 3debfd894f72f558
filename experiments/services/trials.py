"""Tries policy versions that wait for an experiment, each against what routes in its scope, one at a time."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from accounts.services import features
from accounts.services.features import Feature
from experiments.domain.plan import InvalidPlan
from experiments.models import Experiment
from experiments.services import creation, notices
from experiments.services.creation import Design
from routing.domain import strategies
from routing.models import PolicyVersion
from routing.selectors import policies as policy_selectors
from routing.services import policies
from routing.services.policies import PolicyNotUsable

logger = logging.getLogger(__name__)

ACTOR = "trial"
# As long as the gate assumes that an experiment may take. A version that has not won by then is given up.
LONGEST = timedelta(days=28)


def start_waiting(*, now: datetime) -> list[Experiment]:
    """Start an experiment for the oldest version on trial of each scope that has none running.

    While experiments are off for its team, a version waits.
    """
    started = []
    waiting = PolicyVersion.objects.filter(state=PolicyVersion.State.ON_TRIAL).select_related("team").defer("document")
    busy: set[int | None] = set(_running().values_list("team_id", flat=True))
    for version in waiting.order_by("version"):
        if version.team_id in busy or not features.is_enabled(Feature.EXPERIMENTS, version.team):
            continue
        try:
            started.append(_start(version, now))
        except InvalidPlan as error:
            logger.warning("Policy %s cannot be tried: %s", version.version, error)
            continue
        busy.add(version.team_id)
    return started


def is_void(experiment: Experiment) -> bool:
    """Whether a trial's version is no longer on trial: somebody promoted or rejected it meanwhile."""
    return experiment.is_trial and not _on_trial(experiment).exists()


def is_overdue(experiment: Experiment, *, now: datetime) -> bool:
    """Whether a trial has taken as long as one may."""
    return experiment.is_trial and now - experiment.started_at >= LONGEST


def settle(experiment: Experiment) -> None:
    """Reject the version of a trial that ended without having been promoted."""
    if not experiment.is_trial:
        return
    version = _on_trial(experiment).first()
    if version is None:
        return
    try:
        policies.reject(version)
    except PolicyNotUsable as error:
        logger.info("The trial of policy %s changes nothing: %s", version.version, error)


def _start(version: PolicyVersion, now: datetime) -> Experiment:
    active = policy_selectors.active(version.team)
    control = strategies.COMPLEXITY if active is None else f"policy:{active.version}"
    design = Design(
        name=f"Trial of policy {version.version}",
        description=f"Started by itself, because policy {version.version} looked better on past traffic.",
        control_strategy=control,
        test_strategy=f"policy:{version.version}",
        traffic_percent=float(settings.EXPERIMENT_TRIAL_PERCENT),
        on_winner=Experiment.OnWinner.PROMOTE,
        is_trial=True,
    )
    with transaction.atomic():
        experiment = creation.create(design, team=version.team, actor=ACTOR, now=now)
        notices.post(experiment, notices.Kind.TRIAL_STARTED, f"{control} is compared with {version}.", now=now)
    return experiment


def _running() -> QuerySet[Experiment]:
    return Experiment.objects.filter(is_trial=True, status=Experiment.Status.RUNNING)


def _on_trial(experiment: Experiment) -> QuerySet[PolicyVersion]:
    version = experiment.arms[1]["policy_version"]
    return PolicyVersion.objects.filter(version=version, state=PolicyVersion.State.ON_TRIAL)
