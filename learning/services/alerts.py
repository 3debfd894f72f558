"""Watches over what is learned from: freezes patterns with unusual ratings, tells of floods and of falling quality."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from accounts.models import Team
from learning.domain.vote_floods import Flood, message
from learning.domain.vote_rates import VoteRate, anomaly
from learning.models import LearningAlert, RetrainingRun
from learning.selectors import vote_floods, votes_over_time
from learning.selectors.votes_over_time import Quality

logger = logging.getLogger(__name__)

WATCHED = timedelta(days=7)
# Of a pattern, before the run and after it; fewer ratings say too little of a fall by a tenth.
MIN_RATINGS = 10
MAX_FALL = 0.10
Kind = LearningAlert.Kind
# The ratings that were in dispute are still there after staff have looked at them, and who gave too many goes on.
SETTLED_FOR = timedelta(days=28)
_FLOODS_SHOWN = 10


def frozen(team: Team | None) -> dict[str, str]:
    """Return why each frozen pattern stays as it is: its ratings raised an alert that nobody has resolved."""
    unresolved = LearningAlert.objects.filter(team=team, kind__in=LearningAlert.FREEZING, resolved_at=None)
    return {alert.pattern: f"frozen: {alert.message}" for alert in unresolved.order_by("raised_at")}


def unusual(team: Team | None, *, now: datetime) -> list[tuple[VoteRate, str]]:
    """Return the rates of the last day that are unusual, with the reason; writes nothing."""
    rates = votes_over_time.busy_rates(team, now=now)
    return [(rate, reason) for rate in rates if (reason := anomaly(rate))]


def freeze_unusual(team: Team | None, *, now: datetime) -> list[LearningAlert]:
    """Freeze the patterns whose ratings of the last day are unusual, each once until its alert is resolved."""
    already = frozen(team)
    raised = []
    for rate, reason in unusual(team, now=now):
        if rate.pattern in already:
            continue
        already[rate.pattern] = reason
        raised.append(_raise(team, Kind.VOTE_ANOMALY, rate.pattern, reason, asdict(rate), now, None))
    return raised


def unsettled(team: Team | None, disputed: Mapping[str, str], *, now: datetime) -> dict[str, str]:
    """Return the patterns in dispute, with the reason, but those of which staff have resolved a dispute lately."""
    lately = LearningAlert.objects.filter(team=team, kind=Kind.VOTE_DISPUTE, resolved_at__gt=now - SETTLED_FOR)
    settled = set(lately.values_list("pattern", flat=True))
    return {pattern: reason for pattern, reason in disputed.items() if pattern not in settled}


def freeze_disputed(team: Team | None, disputed: Mapping[str, str], *, now: datetime) -> list[LearningAlert]:
    """Freeze the patterns that would change on ratings which contradict each other, until staff have looked."""
    already = frozen(team)
    return [
        _raise(team, Kind.VOTE_DISPUTE, pattern, reason, {}, now, None)
        for pattern, reason in disputed.items()
        if pattern not in already
    ]


def tell_of_floods(team: Team | None, *, now: datetime) -> list[LearningAlert]:
    """Tell who gave far more ratings in the last day than count, once for a pattern, and once for keys without one.

    Where staff have resolved such an alert lately, they know.
    """
    by_pattern: dict[str, list[Flood]] = {}
    for flood in vote_floods.floods(team, now=now):
        by_pattern.setdefault(flood.pattern, []).append(flood)
    known = LearningAlert.objects.filter(team=team, kind=Kind.VOTE_FLOOD).exclude(resolved_at__lte=now - SETTLED_FOR)
    told = set(known.values_list("pattern", flat=True))
    return [
        _raise(team, Kind.VOTE_FLOOD, pattern, message(found), _largest(found), now, None)
        for pattern, found in by_pattern.items()
        if pattern not in told
    ]


def watch(*, now: datetime) -> list[LearningAlert]:
    """Look for unusual ratings of every scope, and for quality that fell after a run; return what is new."""
    scopes = (None, *Team.objects.filter(learns_alone=True).order_by("slug"))
    unusual_ratings = (
        alert for team in scopes for look in (freeze_unusual, tell_of_floods) for alert in look(team, now=now)
    )
    return [*unusual_ratings, *check_quality(now=now)]


def resolve(alert: LearningAlert, *, actor: str, now: datetime) -> bool:
    """Mark an alert as dealt with, which ends a freeze; False when it was already."""
    changed = LearningAlert.objects.filter(id=alert.id, resolved_at=None).update(resolved_at=now, resolved_by=actor)
    return bool(changed)


def check_quality(*, now: datetime) -> list[LearningAlert]:
    """Compare the quality of every changed pattern in the week after its run with the week before.

    Runs are looked at each day of that week, so that a fall is told as soon as enough ratings show it, and for the last
    time when the week is over. A pattern is told of once a run.
    """
    unchecked = RetrainingRun.objects.filter(
        state=RetrainingRun.State.SUCCEEDED, quality_checked_at=None, finished_at__lte=now
    ).select_related("team")
    return [alert for run in unchecked.order_by("finished_at") for alert in _check_run(run, now)]


def _check_run(run: RetrainingRun, now: datetime) -> list[LearningAlert]:
    assert run.finished_at is not None, "a run that succeeded has ended"
    ends_at = run.finished_at + WATCHED
    patterns = sorted({change["pattern"] for change in run.changes})
    after: Quality = {}
    if patterns:
        after = votes_over_time.quality_by_pattern(run.team, since=run.finished_at, until=min(now, ends_at))
    alerts = [_raise_fall(run, pattern, fall, now) for pattern, fall in _falls(run.quality_before, after, patterns)]
    run.quality_after = {pattern: after[pattern] for pattern in patterns if pattern in after}
    run.quality_checked_at = now if now >= ends_at else None
    run.save(update_fields=("quality_after", "quality_checked_at"))
    return [alert for alert in alerts if alert is not None]


def _falls(before: Quality, after: Quality, patterns: Iterable[str]) -> list[tuple[str, float]]:
    found = []
    for pattern in patterns:
        then, since = before.get(pattern), after.get(pattern)
        if then is None or since is None or min(then["ratings"], since["ratings"]) < MIN_RATINGS:
            continue
        fall = 1 - since["avg_quality"] / then["avg_quality"]
        if fall > MAX_FALL:
            found.append((pattern, fall))
    return found


def _largest(floods: Sequence[Flood]) -> dict[str, object]:
    return {"floods": len(floods), "largest": [asdict(flood) for flood in floods[:_FLOODS_SHOWN]]}


def _raise_fall(run: RetrainingRun, pattern: str, fall: float, now: datetime) -> LearningAlert | None:
    if LearningAlert.objects.filter(run=run, kind=Kind.QUALITY_DROP, pattern=pattern).exists():
        return None
    message = (
        f"The ratings of {pattern} fell by {fall:.0%} after the retraining of {run.started_at:%Y-%m-%d %H:%M}: look at "
        "its changes, and restore the policy before it if they are the cause."
    )
    details = {"fall": round(fall, 6), "policy_before": run.policy_before_id, "policy_after": run.policy_after_id}
    return _raise(run.team, Kind.QUALITY_DROP, pattern, message, details, now, run)


def _raise(
    team: Team | None,
    kind: str,
    pattern: str,
    message: str,
    details: Mapping[str, object],
    now: datetime,
    run: RetrainingRun | None,
) -> LearningAlert:
    logger.warning("Learning alert %s for %s: %s", kind, pattern, message)
    return LearningAlert.objects.create(
        team=team, kind=kind, pattern=pattern, run=run, message=message[:500], details=dict(details), raised_at=now
    )
