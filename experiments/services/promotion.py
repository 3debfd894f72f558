"""Lets the way of routing that won an experiment route all of its scope's traffic."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import Team
from experiments.models import Experiment
from experiments.services import notices
from routing.domain import policy as policy_domain
from routing.domain import strategies
from routing.domain.policy import InvalidPolicy
from routing.models import PolicyActivation, PolicyVersion, PredictorModel
from routing.selectors import policies as policy_selectors
from routing.services import policies
from routing.services.policies import PolicyNotFound, PolicyNotUsable

logger = logging.getLogger(__name__)


class NothingToPromote(Exception):
    """The experiment has no arm that could be let route; the message says why and what can be done."""


def promote(
    experiment: Experiment, *, actor: str, arm: str | None = None, reason: str = "", now: datetime
) -> PolicyVersion:
    """Let the winner, or the ``arm`` that a person names, route in place of the active policy of its scope.

    A version of the policy is activated; a strategy becomes a new version of the active policy with that strategy.
    The scope is the team where it learns alone, else all teams that share a policy.

    Raises:
        NothingToPromote: It has not been completed, or has no winner or no such arm; or what won routes already.
        PolicyNotUsable: The version was rejected.
        InvalidPolicy: It cannot be loaded; what routes stays.
    """
    with transaction.atomic():
        # Whoever else promotes it waits here, and then finds it promoted.
        held = Experiment.objects.select_for_update(of=("self",)).select_related("team").get(id=experiment.id)
        chosen = _arm(held, arm)
        version = _version(held, chosen, actor, now)
        why = reason or f"{chosen['name']} of experiment {held.id}: {held.explanation}"
        policies.activate(version, kind=PolicyActivation.Kind.PROMOTION, actor=actor, reason=why, now=now)
        held.promoted_policy = experiment.promoted_policy = version
        held.save(update_fields=("promoted_policy",))
        message = f"Policy {version.version} routes now: {chosen['name']} was promoted by {actor}."
        notices.post(held, notices.Kind.PROMOTED, message, now=now)
    return version


def promote_winner(experiment: Experiment, *, now: datetime) -> PolicyVersion | None:
    """Promote the winner of an experiment that ended by itself; what stands in the way is told, not raised."""
    try:
        if _has_another_policy_begun(experiment):
            raise NothingToPromote("what it was compared with no longer routes, so that its advantage is not known.")
        return promote(experiment, actor=f"experiment {experiment.id}", now=now)
    except (NothingToPromote, PolicyNotFound, PolicyNotUsable, InvalidPolicy) as error:
        logger.warning("The winner of experiment %s was not promoted: %s", experiment.id, error)
        notices.post(experiment, notices.Kind.NOT_PROMOTED, f"The winner was not promoted: {error}", now=now)
        return None


def _arm(experiment: Experiment, name: str | None) -> Mapping[str, Any]:
    if experiment.status != Experiment.Status.COMPLETED:
        raise NothingToPromote(f"The experiment is {experiment.status}: only one that was completed has an outcome.")
    if experiment.promoted_policy_id is not None:
        raise NothingToPromote(f"It was promoted already, as policy {experiment.promoted_policy_id}.")
    wanted = name or experiment.winner
    if wanted is None:
        raise NothingToPromote("The experiment has no winner: name the arm that is to route.")
    chosen = next((arm for arm in experiment.arms if arm["name"] == wanted), None)
    if chosen is None:
        known = ", ".join(arm["name"] for arm in experiment.arms)
        raise NothingToPromote(f"The experiment has no arm {wanted[:64]!r}, only {known}.")
    return dict(chosen)


def _version(experiment: Experiment, arm: Mapping[str, Any], actor: str, now: datetime) -> PolicyVersion:
    scope, active = _scope(experiment), policy_selectors.active(_scope(experiment))
    note = f"Experiment {experiment.id}: {experiment.name}"
    if arm["policy_version"] is not None:
        found = _existing(arm["policy_version"], active)
        if found.team_id == (None if scope is None else scope.id):
            return found
        # A version of another scope routes there; here it becomes a version of its own.
        document, predictor = found.document, found.predictor
    else:
        document, predictor = _with_strategy(arm["strategy"], active)
    return policies.publish(
        team=scope,
        document=document,
        source=PolicyVersion.Source.STAFF,
        actor=actor,
        note=note,
        predictor=predictor,
        now=now,
    )


def _existing(version: int, active: PolicyVersion | None) -> PolicyVersion:
    if active is not None and active.version == version:
        raise NothingToPromote(f"Policy {version} routes already.")
    found = PolicyVersion.objects.select_related("team", "predictor").filter(version=version).first()
    if found is None:
        raise PolicyNotFound(f"There is no policy {version} any more.")
    return found


def _with_strategy(strategy: str, active: PolicyVersion | None) -> tuple[dict[str, Any], PredictorModel | None]:
    if active is None:
        if strategy == strategies.COMPLEXITY:
            raise NothingToPromote("No policy is active, so that everything is routed by complexity already.")
        return policy_domain.document(strategy=strategy), None
    if active.document["strategy"] == strategy:
        raise NothingToPromote(f"Policy {active.version} routes by the strategy {strategy} already.")
    return {**active.document, "strategy": strategy}, active.predictor


def _has_another_policy_begun(experiment: Experiment) -> bool:
    """Whether a trial's control is no longer what routes."""
    active = policy_selectors.active(_scope(experiment))
    control: int | None = experiment.arms[0]["policy_version"]
    return experiment.is_trial and (None if active is None else active.version) != control


def _scope(experiment: Experiment) -> Team | None:
    return None if experiment.team is None else policy_selectors.scope_of(experiment.team)
