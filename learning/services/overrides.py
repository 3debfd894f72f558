"""Changes which model a pattern is sent to, and keeps policy and table of one mind.

The document of the active policy is what routes. The rows of ``LearningOverride`` tell of the same overrides why and
since when they stand. Whoever changes one changes the other in the same transaction: through ``put_in_force``, or by
activating another policy, which the rows ``follow``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from accounts.models import Team
from accounts.services import config_version
from learning.models import LearningOverride, ModelPerformance, RetrainingRun
from learning.selectors import overrides as selectors
from learning.services import documents
from routing.domain.output_lengths import OutputLengths
from routing.domain.policy import Override
from routing.models import PolicyActivation, PolicyVersion
from routing.selectors import policies as policy_selectors
from routing.services import policies

Status = LearningOverride.Status
Kind = PolicyActivation.Kind


class OverrideNotChangeable(Exception):
    """The override is already what it was asked to become."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why overrides change. ``reasons`` are by pattern; ``note`` stands where there is none."""

    actor: str
    note: str
    now: datetime
    source: str = PolicyVersion.Source.STAFF
    kind: str = Kind.STAFF
    run: RetrainingRun | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)
    by_staff: bool = False

    def reason(self, pattern: str) -> str:
        return self.reasons.get(pattern, self.note)[:500]


def activate(row: LearningOverride, *, actor: str, reason: str, now: datetime) -> PolicyActivation:
    """Send the row's pattern to its model from now on, in a new policy version.

    Raises:
        OverrideNotChangeable: The pattern is sent there already.
    """
    with transaction.atomic():
        config_version.bump()
        wanted = _entry(row)
        found = selectors.in_force(row.team)
        if row.pattern in found and found[row.pattern].full_name == wanted.full_name:
            raise OverrideNotChangeable(f"The pattern {row.pattern} is sent to {wanted.full_name} already.")
        activation = put_in_force(row.team, {**found, row.pattern: wanted}, Cause(actor, reason, now))
        assert activation is not None, "another override is another document"
        return activation


def revoke(row: LearningOverride, *, actor: str, reason: str, now: datetime) -> PolicyActivation:
    """Leave the row's pattern to the complexity strategy, in a new policy version.

    Runs leave the model alone on this pattern until staff activate it again.

    Raises:
        OverrideNotChangeable: The pattern is not sent to the row's model.
    """
    with transaction.atomic():
        config_version.bump()
        found = selectors.in_force(row.team)
        if row.pattern not in found or found[row.pattern].full_name != f"{row.provider}/{row.model}":
            raise OverrideNotChangeable(f"The pattern {row.pattern} is not sent to {row.provider}/{row.model}.")
        del found[row.pattern]
        activation = put_in_force(row.team, found, Cause(actor, reason, now, by_staff=True))
        assert activation is not None, "one override less is another document"
        return activation


def follow(activation: PolicyActivation) -> None:
    """Bring the rows in line with the policy that routes from now on, in the transaction of its activation.

    Whoever restores, promotes or withdraws a policy changes the overrides with it.
    """
    cause = Cause(activation.actor, _told(activation), activation.activated_at, kind=activation.kind)
    _align(activation.team, selectors.in_document(activation.policy), cause)


def put_in_force(
    team: Team | None, wanted: Mapping[str, Override], cause: Cause, *, lengths: OutputLengths | None = None
) -> PolicyActivation | None:
    """Route by these overrides, and bring the rows in line; call it in the transaction that chose them.

    Whatever else the active policy holds (its predictor, floor and shares) stays. Where the document would be the same,
    or nothing routes and there is nothing to route by, no version is made and None returned. A new version gets the
    ``lengths`` of answers, where they are given.

    Raises:
        InvalidPolicy: The resulting policy is not one to route by; the transaction must not be committed.
    """
    active = policy_selectors.active(team)
    document = documents.with_overrides(active, wanted.values())
    _align(team, wanted, cause)
    if (active is None and not wanted) or (active is not None and active.document == document):
        return None
    published = policies.publish(
        team=team,
        document=documents.with_lengths(document, lengths),
        source=cause.source,
        actor=cause.actor,
        note=cause.note,
        predictor=active.predictor if active else None,
        now=cause.now,
    )
    return policies.activate(published, kind=cause.kind, actor=cause.actor, reason=cause.note[:500], now=cause.now)


def _align(team: Team | None, wanted: Mapping[str, Override], cause: Cause) -> None:
    """Make the rows say what the document does: end those that it lacks, add those that are new, refresh the rest."""
    rows = {row.pattern: row for row in selectors.active_rows(team)}
    for pattern, row in rows.items():
        override = wanted.get(pattern)
        if override is None or override.full_name != f"{row.provider}/{row.model}":
            row.status = Status.REVOKED
            row.revoked_at = cause.now
            row.revoked_reason = _why_ended(override, cause, pattern)
            row.revoked_by = cause.actor if cause.by_staff else ""
            row.save()
    for pattern, override in sorted(wanted.items()):
        standing = rows.get(pattern)
        if standing is None or standing.status == Status.REVOKED:
            standing = LearningOverride(
                team=team, pattern=pattern, status=Status.ACTIVE, reason=cause.reason(pattern), created_at=cause.now
            )
            standing.run = cause.run
        _copy(override, standing)
        standing.save()


def _told(activation: PolicyActivation) -> str:
    if activation.policy is None:
        what = "no policy routes any more"
    elif activation.kind == Kind.ROLLBACK:
        what = f"policy {activation.policy.version} restored"
    else:
        what = f"policy {activation.policy.version} routes"
    return f"{what}: {activation.reason}" if activation.reason else what


def _why_ended(successor: Override | None, cause: Cause, pattern: str) -> str:
    if successor is None:
        return cause.reason(pattern)
    return f"replaced by {successor.full_name}: {cause.reason(pattern)}"[:500]


def _copy(override: Override, row: LearningOverride) -> None:
    row.provider = override.provider
    row.model = override.model
    row.confidence = override.confidence
    row.confidence_score = override.confidence_score
    row.sample_count = override.sample_count
    row.avg_quality = override.avg_quality
    row.correctness_rate = override.correctness_rate
    row.avg_cost_nano_usd = _last_known_cost(row)


def _last_known_cost(row: LearningOverride) -> int | None:
    """Return the model's mean cost on the pattern as the newest run saw it."""
    seen = ModelPerformance.objects.filter(
        team=row.team, pattern=row.pattern, provider=row.provider, model=row.model
    ).order_by("-updated_at")
    return seen.values_list("avg_cost_nano_usd", flat=True).first()


def _entry(row: LearningOverride) -> Override:
    return Override(
        pattern=row.pattern,
        provider=row.provider,
        model=row.model,
        confidence=row.confidence,
        confidence_score=row.confidence_score,
        sample_count=row.sample_count,
        avg_quality=row.avg_quality,
        correctness_rate=row.correctness_rate,
    )
