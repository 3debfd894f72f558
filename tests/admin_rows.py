"""One row of each table that watches, schedules, switches or reviews, for the tests of the admin's pages."""

import itertools
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.db.models import Model

from accounts.models import FeatureChange, FeatureGate, RolloutPhase, Team
from feedback.models import MetricEvent
from insights.models import AppliedAction, Finding, LearningMetric, PatternMetric, Review, SuggestionFeedback
from jobs.models import DeadLetter, JobRun, OutboxMessage, Pulse
from monitoring.models import Alert, AlertChannel, AlertDelivery, AlertRule, IntegrityCheck
from routing.models import TeamRule
from tests import factories

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_numbers = itertools.count(1)


def finding(team: Team | None = None) -> Finding:
    return Finding.objects.create(
        team=team or factories.team(),
        fingerprint=uuid.uuid4().hex,
        finding_type="overpowered_model",
        category="cost",
        severity="high",
        title="Simple prompts go to a large model",
        subject={},
        evidence={},
        suggestion="Send them to a small one.",
        confidence=0.9,
        assumption="",
        created_at=NOW,
        last_seen_on=NOW.date(),
    )


def _answer() -> SuggestionFeedback:
    found = finding()
    return SuggestionFeedback.objects.create(
        team=found.team,
        finding=found,
        verdict="accepted",
        actor="ada",
        created_at=NOW,
        finding_type=found.finding_type,
        category=found.category,
        severity=found.severity,
        confidence=0.9,
        has_action=False,
    )


def _applied() -> AppliedAction:
    found = finding()
    return AppliedAction.objects.create(
        team=found.team, finding=found, kind="set_cache_ttl", parameters={}, applied_at=NOW, applied_by="ada"
    )


def review(team: Team | None = None) -> Review:
    return Review.objects.create(
        team=team or factories.team(),
        trigger="schedule",
        actor="schedule",
        state="succeeded",
        starts_on=NOW.date(),
        ends_before=NOW.date().replace(day=23),
        started_at=NOW,
    )


def _learned() -> LearningMetric:
    return LearningMetric.objects.create(
        team=factories.team(), kind="acceptance", period=NOW.date(), samples=1, figures={}, computed_at=NOW
    )


def _pattern() -> PatternMetric:
    return PatternMetric.objects.create(
        team=factories.team(),
        finding_type="overpowered_model",
        kind="anti_pattern",
        occurrences=5,
        accepted=1,
        rejected=4,
        first_raised_at=NOW,
        last_raised_at=NOW,
        computed_at=NOW,
    )


def _alert() -> Alert:
    return Alert.objects.create(
        kind=uuid.uuid4().hex[:20], severity="warning", title="Slow", message="p95 is 3 s", state="firing", began_at=NOW
    )


def _phase() -> RolloutPhase:
    return RolloutPhase.objects.create(number=1, features=[], reach=0.1, started_at=NOW, started_by="ada")


def _dead() -> DeadLetter:
    return DeadLetter.objects.create(kind="job", name="retrain", reason="broken", died_at=NOW)


def event(team: Team | None = None) -> MetricEvent:
    return MetricEvent.objects.create(
        team=team or factories.team(), type="latency", occurred_at=NOW, received_at=NOW, data={"ms": 1}
    )


def _check() -> IntegrityCheck:
    return IntegrityCheck.objects.create(kind="spot", checked_at=NOW, duration_ms=5, pass_rate=1.0, results=[])


def _rule() -> AlertRule:
    return AlertRule.objects.create(
        slug="made-up",
        title="Made up",
        measure="api_errors",
        threshold=1.0,
        window_seconds=60,
        hold_seconds=0,
        severity="warning",
        channels=[],
    )


ROWS: dict[type[Any], Callable[[], Model]] = {
    Finding: finding,
    SuggestionFeedback: _answer,
    AppliedAction: _applied,
    Review: review,
    LearningMetric: _learned,
    PatternMetric: _pattern,
    Alert: _alert,
    AlertRule: lambda: AlertRule.objects.first() or _rule(),
    AlertChannel: lambda: AlertChannel.objects.first() or AlertChannel.objects.create(name="webhook"),
    AlertDelivery: lambda: AlertDelivery.objects.create(alert=_alert(), channel="log", event="fired", created_at=NOW),
    IntegrityCheck: _check,
    JobRun: lambda: JobRun.objects.create(name=f"job-{next(_numbers)}", created_at=NOW),
    OutboxMessage: lambda: OutboxMessage.objects.create(handler="notify", created_at=NOW),
    Pulse: lambda: Pulse.objects.create(pk=f"task-{next(_numbers)}"),
    DeadLetter: _dead,
    FeatureGate: lambda: FeatureGate.objects.update_or_create(
        feature="insights", team=None, defaults={"is_enabled": True, "changed_by": "ada", "changed_at": NOW}
    )[0],
    FeatureChange: lambda: FeatureChange.objects.create(
        feature="insights", kind="enabled", changed_by="ada", changed_at=NOW
    ),
    RolloutPhase: _phase,
    MetricEvent: event,
    TeamRule: lambda: TeamRule.objects.create(
        team=factories.team(), kind="cap_max_tokens", max_tokens=64, created_by="ada", created_at=NOW
    ),
}
