"""Trains the predictor of a scope, and hands the policy that would route by it to the promotion gate."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from threadpoolctl import threadpool_limits

from accounts.models import Team
from accounts.services import features
from accounts.services.features import Feature
from learning.domain import predictor_training
from learning.domain.training_set import NotEnoughEvidence
from learning.models import PolicyEvaluation
from learning.services import (
    answer_lengths,
    documents,
    expected_costs,
    job_figures,
    promotion,
    scopes,
    training_evidence,
)
from routing.domain.output_lengths import OutputLengths
from routing.models import PolicyVersion, PredictorModel
from routing.selectors import policies as policy_selectors
from routing.services import policies

logger = logging.getLogger(__name__)

# Training draws random numbers from this, so that equal evidence gives an equal predictor.
SEED = 0
State = PolicyVersion.State


@dataclass(frozen=True, slots=True)
class Training:
    """What was learned (``summary``), and what came of it: a candidate and the gate's verdict on it.

    Both are None of a dry run, and where the predictor is the one that a policy of the scope holds already.
    """

    summary: dict[str, Any]
    candidate: PolicyVersion | None = None
    evaluation: PolicyEvaluation | None = None


def _silent(message: str) -> None:
    """Tell nobody."""


def train(
    *,
    team: Team | None,
    actor: str,
    now: datetime,
    dry_run: bool = False,
    report: Callable[[str], None] = _silent,
) -> Training:
    """Train a predictor, publish the active policy with it and with the value of quality and the lengths of answers
    that were found with it, and evaluate that.

    Takes minutes of one core, and no lock until the candidate is stored.

    Args:
        team: Whose policy; None for the one that teams share.
        dry_run: Store nothing.
        report: Told, in words, what is being done.

    Raises:
        NotEnoughEvidence: There is too little to learn from.
        InvalidPolicy: What was trained cannot be routed by, or the active policy cannot be loaded.
    """
    evidence = training_evidence.gather(team, now=now, report=report)
    report(f"Training on {len(evidence.quality)} outcomes of {len(evidence.vectors)} prompts")
    lengths = answer_lengths.learned(team, now=now)
    expected = expected_costs.table(evidence, lengths)
    # The matrices are small: on a busy machine threads would mostly wait for one another.
    with threadpool_limits(1):
        trained = predictor_training.fit(evidence, seed=SEED, expected_cost_usd=expected)
    if dry_run:
        return Training(trained.summary)
    stored = policies.store_predictor(trained.content, summary=trained.summary, trained_at=now)
    if _is_published(team, stored, lengths):
        return Training(trained.summary)
    active = policy_selectors.active(team)
    candidate = policies.publish(
        team=team,
        document=documents.with_predictor(active, trained.summary, lengths),
        source=PolicyVersion.Source.PREDICTOR,
        actor=actor,
        note=_note(trained.summary),
        predictor=stored,
        now=now,
    )
    report(f"Evaluating policy {candidate.version} on past traffic")
    evaluation = promotion.evaluate(candidate, now=now)
    candidate.refresh_from_db()
    logger.info("Policy %s holds a predictor trained on %s", candidate.version, candidate.note)
    return Training(trained.summary, candidate, evaluation)


def train_all(*, actor: str, now: datetime) -> list[Training]:
    """Train the shared predictor, then that of every team that learns alone; one that fails stops none of the others.

    Scopes with too little evidence are passed over, and those for whom ``auto_retrain`` is off: only the schedule
    trains all.

    Raises:
        SomeFailed: Of ``jobs``: at least one failed otherwise.
    """

    def work(team: Team | None) -> Training | None:
        if not features.is_enabled(Feature.AUTO_RETRAIN, team):
            logger.warning("Training of %s left out: the feature auto_retrain is off", scopes.name(team))
            return None
        try:
            with job_figures.recorded(unless=(NotEnoughEvidence,)):
                return train(team=team, actor=actor, now=now)
        except NotEnoughEvidence as error:
            logger.info("No predictor for %s: %s", scopes.name(team), error)
            return None

    return scopes.for_each(work, step="training")


def _is_published(team: Team | None, stored: PredictorModel, lengths: OutputLengths | None) -> bool:
    """Whether a policy that routes, or may come to, holds the predictor, and lengths of answers where any are known.

    Lengths that have changed a little are no reason for another policy: the next predictor brings new ones.
    """
    held = PolicyVersion.objects.filter(
        team=team, predictor=stored, state__in=(State.ACTIVE, State.CANDIDATE, State.ON_TRIAL)
    )
    return any(lengths is None or "output_lengths" in policy.document for policy in held)


def _note(summary: dict[str, Any]) -> str:
    held_out = summary["held_out"]
    return (
        f"{summary['outcomes']} outcomes of {summary['prompts']} prompts and {len(summary['models'])} models; squared "
        f"error on what it had not seen {held_out['error']:.4f}, of category means "
        f"{held_out['category_means_error']:.4f}"
    )
