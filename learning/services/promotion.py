"""Scores candidate policies on logged decisions, and lets the gate decide what becomes of them.

Every evaluation is kept with its figures, so that its verdict can be computed again (``recompute``). A candidate that
is promoted begins to route in the transaction that keeps its evaluation.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import Team
from accounts.services import config_version, features
from accounts.services.features import Feature
from learning.domain import policy_scores, promotion_gate
from learning.domain.policy_scores import PolicyScores
from learning.domain.promotion_gate import Gate
from learning.models import PolicyEvaluation
from learning.selectors import catalog, logged_decisions, traffic
from learning.services import evaluation_figures, replayed_policies
from routing.domain.policy import InvalidPolicy, RoutingPolicy
from routing.models import PolicyActivation, PolicyVersion
from routing.selectors import policies as policy_selectors
from routing.services import policies
from routing.services.policies import PolicyNotFound, PolicyNotUsable

logger = logging.getLogger(__name__)

State = PolicyVersion.State
Verdict = PolicyEvaluation.Verdict
GATE = "gate"


@dataclass(frozen=True, slots=True)
class Finding:
    """What an evaluation keeps, before the gate has decided; ``active`` is what the candidate was compared with."""

    candidate: PolicyVersion
    active: PolicyVersion | None
    since: datetime
    now: datetime
    decisions: int
    estimates: dict[str, Any]
    overlap: dict[str, Any]
    facts: dict[str, Any]


def evaluate(candidate: PolicyVersion, *, now: datetime) -> PolicyEvaluation:
    """Compare a candidate with the policy that routes in its scope, and act on the verdict.

    Promoted: it routes from this transaction on, unless the active policy has changed meanwhile. Rejected: it never
    will. Held: it stays a candidate. Experiment: it is on trial, and an experiment on live traffic decides about it.
    Reading and scoring take no lock.

    Raises:
        PolicyNotUsable: The policy is no candidate, or stopped being one meanwhile.
        InvalidPolicy: The active policy cannot be loaded, so there is nothing to compare with.
    """
    if candidate.state != State.CANDIDATE:
        raise PolicyNotUsable(f"Policy {candidate.version} is {candidate.state}: only a candidate is evaluated.")
    evaluation = conclude(assess(candidate, now=now))
    logger.info("Policy %s evaluated: %s", candidate.version, evaluation.verdict)
    return evaluation


def evaluate_open(*, now: datetime) -> list[PolicyEvaluation]:
    """Evaluate every candidate that training made, newest first; what fails is logged and does not stop the others.

    Candidates wait while ``auto_retrain`` is off for their team: a promotion changes what routes.
    """
    candidates = PolicyVersion.objects.filter(state=State.CANDIDATE, source=PolicyVersion.Source.PREDICTOR)
    found = []
    for candidate in candidates.select_related("team", "predictor").order_by("-version"):
        if not features.is_enabled(Feature.AUTO_RETRAIN, candidate.team):
            logger.warning("Policy %s not evaluated: the feature auto_retrain is off", candidate.version)
            continue
        try:
            found.append(evaluate(candidate, now=now))
        except PolicyNotUsable as error:
            logger.info("Not evaluated: %s", error)
        except Exception:
            logger.exception("The evaluation of policy %s failed", candidate.version)
    return found


def recompute(evaluation: PolicyEvaluation) -> Gate:
    """Return what the gate says of an evaluation's recorded figures; of one of its own it is what was recorded."""
    return promotion_gate.judge(estimates=evaluation.estimates, overlap=evaluation.overlap, facts=evaluation.facts)


def promote_by_hand(*, version: int, team: Team | None, actor: str, reason: str, now: datetime) -> PolicyActivation:
    """Let a candidate, or one on trial, route because a person says so; the activation keeps who and why.

    Raises:
        PolicyNotFound: This scope has no policy of that version.
        PolicyNotUsable: It is neither a candidate nor on trial.
        InvalidPolicy: It cannot be loaded; the active one stays.
    """
    candidate = find(version, team)
    if candidate.state not in (State.CANDIDATE, State.ON_TRIAL):
        raise PolicyNotUsable(
            f"Policy {version} is {candidate.state}: only a candidate, or one on trial, is promoted. Roll back to one "
            "that has routed."
        )
    return policies.activate(candidate, kind=PolicyActivation.Kind.STAFF, actor=actor, reason=reason, now=now)


@transaction.atomic
def reject_by_hand(*, version: int, team: Team | None, actor: str, reason: str, now: datetime) -> PolicyEvaluation:
    """Give up a candidate, or one on trial, because a person says so; kept as an evaluation without figures.

    Raises:
        PolicyNotFound: This scope has no policy of that version.
        PolicyNotUsable: It is neither a candidate nor on trial.
    """
    candidate = find(version, team)
    policies.reject(candidate)
    return PolicyEvaluation.objects.create(
        candidate=candidate,
        compared_with=policy_selectors.active(team),
        evaluated_at=now,
        window_start=now,
        window_end=now,
        decisions=0,
        estimates={},
        overlap={},
        verdict=Verdict.REJECTED,
        reasons=[{"name": "person", "held": False, "text": reason}],
        decided_by=actor,
    )


def find(version: int, team: Team | None) -> PolicyVersion:
    """Return a policy of a scope; raises PolicyNotFound."""
    found = PolicyVersion.objects.select_related("team", "predictor").filter(version=version, team=team).first()
    if found is None:
        raise PolicyNotFound(f"There is no policy {version} here. GET /admin/learning/policies lists its versions.")
    return found


def assess(candidate: PolicyVersion, *, now: datetime) -> Finding:
    """Read and compute the figures of an evaluation; takes no lock and writes nothing.

    Raises:
        InvalidPolicy: The active policy cannot be loaded, so there is nothing to compare with.
    """
    since = now - timedelta(days=settings.LEARNING_WINDOW_DAYS)
    active = policy_selectors.active(candidate.team)
    facts = _facts(candidate, now)
    scores = None
    if not facts["content_problem"]:
        scores = _score(policies.load(candidate), active, candidate.team, since, now)
    return Finding(
        candidate=candidate,
        active=active,
        since=since,
        now=now,
        decisions=scores.comparison.overlap.decisions if scores else 0,
        estimates=evaluation_figures.estimates(scores),
        overlap=evaluation_figures.overlap(scores),
        facts=facts,
    )


@transaction.atomic
def conclude(finding: Finding) -> PolicyEvaluation:
    """Judge, act and keep the evaluation in one transaction.

    A candidate is promoted only over the policy it was compared with: what routes may have changed meanwhile.

    Raises:
        PolicyNotUsable: The policy stopped being a candidate meanwhile.
    """
    if _judged(finding).verdict == promotion_gate.PROMOTED:
        # Activations take turns on the row that this counts in: what routes cannot change until the commit.
        config_version.bump()
    _hold(finding.candidate)
    finding.facts["active_changed"] = policy_selectors.active(finding.candidate.team) != finding.active
    gate = _judged(finding)
    evaluation = _keep(finding, gate)
    _act(finding.candidate, gate, evaluation, finding.now)
    return evaluation


def _score(
    target: RoutingPolicy, active: PolicyVersion | None, team: Team | None, since: datetime, now: datetime
) -> PolicyScores:
    return policy_scores.score(
        logged_decisions.stream(team=team, since=since, until=now),
        logging=replayed_policies.logging_decider(),
        target=replayed_policies.decider(target),
        active=replayed_policies.decider(None if active is None else policies.load(active)),
        routable=catalog.at(now, since=since, known_versions={}).routable,
    )


def _facts(candidate: PolicyVersion, now: datetime) -> dict[str, Any]:
    try:
        policies.load(candidate)
        problem = ""
    except InvalidPolicy as error:
        problem = str(error)
    month = timedelta(days=promotion_gate.EXPERIMENT_DAYS)
    return {
        "content_problem": problem,
        "predictor": _held_out(candidate),
        "active_changed": False,
        "age_days": (now - candidate.created_at).days,
        "quality_margin": settings.PROMOTION_QUALITY_MARGIN,
        "traffic": asdict(traffic.decided(team=candidate.team, since=now - month, until=now)),
    }


def _held_out(candidate: PolicyVersion) -> dict[str, float | None] | None:
    """Return the squared errors that the predictor's training told of (``held_out`` of its summary), None for none."""
    told = candidate.predictor.summary.get("held_out") if candidate.predictor is not None else None
    if not isinstance(told, Mapping):
        return None
    return {name: evaluation_figures.finite(told.get(name)) for name in ("error", "category_means_error")}


def _hold(candidate: PolicyVersion) -> None:
    state = PolicyVersion.objects.select_for_update().values_list("state", flat=True).get(version=candidate.version)
    if state != State.CANDIDATE:
        raise PolicyNotUsable(f"Policy {candidate.version} became {state} while it was evaluated.")


def _judged(finding: Finding) -> Gate:
    return promotion_gate.judge(estimates=finding.estimates, overlap=finding.overlap, facts=finding.facts)


def _keep(finding: Finding, gate: Gate) -> PolicyEvaluation:
    return PolicyEvaluation.objects.create(
        candidate=finding.candidate,
        compared_with=finding.active,
        evaluated_at=finding.now,
        window_start=finding.since,
        window_end=finding.now,
        decisions=finding.decisions,
        estimates=finding.estimates,
        overlap=finding.overlap,
        facts=finding.facts,
        verdict=gate.verdict,
        reasons=[asdict(condition) for condition in gate.conditions],
    )


def _act(candidate: PolicyVersion, gate: Gate, evaluation: PolicyEvaluation, now: datetime) -> None:
    if gate.verdict == promotion_gate.PROMOTED:
        reason = f"evaluation {evaluation.pk}: all conditions of the gate hold"
        policies.activate(candidate, kind=PolicyActivation.Kind.PROMOTION, actor=GATE, reason=reason, now=now)
    elif gate.verdict == promotion_gate.REJECTED:
        policies.reject(candidate)
    elif gate.verdict == promotion_gate.EXPERIMENT:
        policies.put_on_trial(candidate)
