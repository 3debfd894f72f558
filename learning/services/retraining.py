"""Retrains the pattern table: reads what ratings say, decides, and routes by it, or only tells what it would do.

The evidence is read before anything is locked; the outcome is put into force in one transaction. Equal evidence gives
an equal table; where that is what routes already, the run is recorded and no new policy is made.
"""

import logging
import time
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import Team
from accounts.services import config_version, features
from accounts.services.features import Feature
from learning.domain import changes as domain_changes
from learning.domain.assessment import Assessment
from learning.domain.changes import Change, LeftOut, rounded, rounded_or_none
from learning.domain.pattern_table import Table
from learning.models import ModelPerformance, RetrainingRun
from learning.selectors import overrides as override_selectors
from learning.selectors import votes_over_time
from learning.selectors.votes_over_time import Quality
from learning.services import alerts, answer_lengths, findings, job_figures, overrides, run_lock, scopes
from learning.services.findings import Findings
from routing.domain.output_lengths import OutputLengths
from routing.domain.policy import Override
from routing.models import PolicyActivation, PolicyVersion
from routing.selectors import policies as policy_selectors

logger = logging.getLogger(__name__)

QUALITY_WINDOW = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class RetrainingReport:
    """What a run found and did; the ``run_id`` of a dry run names nothing that is stored.

    ``candidates`` counts the models that were judged, once for each pattern. ``policy_version`` is what routes after
    the run, None for the complexity strategy.
    """

    run_id: uuid.UUID
    timestamp: datetime
    dry_run: bool
    candidates: int
    changes: tuple[Change, ...]
    skipped: tuple[LeftOut, ...]
    policy_version_before: int | None
    policy_version: int | None

    @property
    def patterns_updated(self) -> int:
        return len({change.pattern for change in self.changes})

    @property
    def total_changes(self) -> int:
        return len(self.changes)


def retrain(
    *,
    team: Team | None,
    trigger: str,
    actor: str,
    dry_run: bool,
    min_samples: int | None = None,
    confidence_threshold: float | None = None,
    now: datetime,
) -> RetrainingReport:
    """Judge the ratings of the last ``LEARNING_WINDOW_DAYS`` and route each pattern by them.

    Args:
        team: Whose policy; None for the one that teams share.
        trigger: Of ``RetrainingRun.Trigger``.
        actor: Who asked, for the record.
        dry_run: Only tell what would change; nothing at all is written.
        min_samples: Ratings that a newly chosen model needs; it needs five anyway.
        confidence_threshold: Confidence score in [0, 1] that a newly chosen model needs.

    Raises:
        RetrainingInProgress: Another run of this policy has not ended.
        InvalidPolicy: The outcome cannot be routed by; everything stays as it was, and the run is marked failed.
    """
    rules = findings.rules(min_samples, confidence_threshold)
    if dry_run:
        found = findings.gather(team, run_rules=rules, frozen=_frozen_or_unusual(team, now), now=now)
        found = findings.freeze(found, _in_dispute(found))
        return _report(uuid.uuid4(), found, findings.decide(found), dry_run=True)
    started = time.monotonic()
    parameters = {**asdict(rules), "since": findings.window_start(now).isoformat(), "until": now.isoformat()}
    run = run_lock.begin(team=team, trigger=trigger, actor=actor, parameters=parameters, now=now)
    try:
        with job_figures.recorded():
            alerts.freeze_unusual(team, now=now)
            found = findings.gather(team, run_rules=rules, frozen=alerts.frozen(team), now=now)
            disputed = _in_dispute(found)
            alerts.freeze_disputed(team, disputed, now=now)
            found = findings.freeze(found, disputed)
            quality = votes_over_time.quality_by_pattern(team, since=now - QUALITY_WINDOW, until=now)
            lengths = answer_lengths.learned(team, now=now, known=found.catalog)
            report = _put_in_force(run, found, (quality, lengths), started)
    except BaseException as error:
        run_lock.fail(run, error, now=now)
        raise
    logger.info("Retraining %s: %s changes, policy %s", run.run_id, report.total_changes, report.policy_version)
    return report


def retrain_all(*, trigger: str, actor: str, now: datetime) -> list[RetrainingReport]:
    """Retrain the shared policy, then that of every team that learns alone; one that fails stops none of the others.

    The schedule passes over those for whom ``auto_retrain`` is off; what people start runs all the same.

    Raises:
        SomeFailed: Of ``jobs``: at least one failed; the others have taken effect.
    """

    def work(team: Team | None) -> RetrainingReport | None:
        if trigger == RetrainingRun.Trigger.SCHEDULE and not features.is_enabled(Feature.AUTO_RETRAIN, team):
            logger.warning("Retraining of %s left out: the feature auto_retrain is off", scopes.name(team))
            return None
        try:
            return retrain(team=team, trigger=trigger, actor=actor, dry_run=False, now=now)
        except run_lock.RetrainingInProgress:
            logger.info("Retraining of %s skipped: one is running", scopes.name(team))
            return None

    return scopes.for_each(work, step="retraining")


def _frozen_or_unusual(team: Team | None, now: datetime) -> dict[str, str]:
    """Return the patterns that a run would leave as they are, those that it would freeze first included."""
    found = {rate.pattern: f"frozen: {reason}" for rate, reason in reversed(alerts.unusual(team, now=now))}
    return found | alerts.frozen(team)


def _in_dispute(found: Findings) -> dict[str, str]:
    return alerts.unsettled(found.team, findings.disputed(found), now=found.now)


def _report(run_id: uuid.UUID, found: Findings, table: Table, *, dry_run: bool) -> RetrainingReport:
    active = policy_selectors.active(found.team)
    version = active.version if active else None
    return RetrainingReport(
        run_id=run_id,
        timestamp=found.now,
        dry_run=dry_run,
        candidates=len(found.evidence),
        changes=domain_changes.changes(table, found.evidence),
        skipped=tuple(domain_changes.left_out(table.skipped)),
        policy_version_before=version,
        policy_version=version,
    )


@transaction.atomic
def _put_in_force(
    run: RetrainingRun, found: Findings, observed: tuple[Quality, OutputLengths | None], started: float
) -> RetrainingReport:
    """Let the policy follow from the findings; ``observed`` are the recent quality and the lengths of answers."""
    quality, lengths = observed
    # Changes of policy take turns on the row that this counts in: what is decided here holds until the commit.
    config_version.bump()
    held = run_lock.hold(run)
    table = findings.decide(found)
    report = _report(run.run_id, found, table, dry_run=False)
    ModelPerformance.objects.bulk_create(_performance(held, judged, found.now) for judged in _judged(table))
    activation = overrides.put_in_force(found.team, _wanted(found.team, table), _cause(held, report), lengths=lengths)
    if activation is not None and activation.policy is not None:
        report = replace(report, policy_version=activation.policy.version)
    held.quality_before = quality
    _finish(held, report, found, timedelta(seconds=time.monotonic() - started))
    return report


def _wanted(team: Team | None, table: Table) -> dict[str, Override]:
    standing = override_selectors.in_force(team)
    wanted = {choice.pattern: _override(choice.chosen) for choice in table.choices if choice.chosen is not None}
    frozen = {choice.pattern for choice in table.choices if choice.is_frozen}
    return wanted | {pattern: override for pattern, override in standing.items() if pattern in frozen}


def _override(chosen: Assessment) -> Override:
    entry = chosen.evidence
    return Override(
        pattern=entry.pattern,
        provider=entry.provider,
        model=entry.model,
        confidence=chosen.confidence,
        confidence_score=rounded(chosen.score),
        sample_count=entry.sample_count,
        avg_quality=rounded(entry.avg_quality),
        correctness_rate=rounded_or_none(entry.correctness_rate),
    )


def _cause(run: RetrainingRun, report: RetrainingReport) -> overrides.Cause:
    counted = "1 change" if report.total_changes == 1 else f"{report.total_changes} changes"
    return overrides.Cause(
        actor=run.actor,
        note=f"retraining {run.run_id}: {counted}",
        now=report.timestamp,
        source=PolicyVersion.Source.RETRAINING,
        kind=PolicyActivation.Kind.RETRAINING,
        run=run,
        reasons={change.pattern: change.reason for change in report.changes},
    )


def _judged(table: Table) -> list[Assessment]:
    chosen = [choice.chosen for choice in table.choices if choice.chosen is not None]
    found = [*chosen, *(entry.assessment for entry in table.skipped)]
    return sorted(found, key=lambda judged: (judged.evidence.pattern, judged.evidence.full_name))


def _performance(run: RetrainingRun, judged: Assessment, now: datetime) -> ModelPerformance:
    entry = judged.evidence
    return ModelPerformance(
        team=run.team,
        pattern=entry.pattern,
        provider=entry.provider,
        model=entry.model,
        run=run,
        avg_quality_score=rounded(entry.avg_quality),
        correctness_rate=rounded_or_none(entry.correctness_rate),
        sample_count=entry.sample_count,
        confidence_level=judged.level,
        confidence_score=rounded(judged.score),
        avg_cost_nano_usd=entry.avg_cost_nano_usd,
        total_cost_nano_usd=entry.total_cost_nano_usd,
        updated_at=now,
    )


def _finish(run: RetrainingRun, report: RetrainingReport, found: Findings, took: timedelta) -> None:
    run.state = RetrainingRun.State.SUCCEEDED
    run.finished_at = found.now + took
    run.parameters = {**run.parameters, "model_versions": found.catalog.versions}
    run.changes = [asdict(change) for change in report.changes]
    run.skipped = [asdict(entry) for entry in report.skipped]
    run.policy_before_id = report.policy_version_before
    run.policy_after_id = report.policy_version
    run.save()
