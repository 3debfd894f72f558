"""Watches: evaluates the rules, keeps their alerts, tells of notices, and has everything sent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from monitoring.domain.alerting import Severity
from monitoring.models import Alert, AlertDelivery, AlertRule
from monitoring.services import alert_notices, deliveries, rule_evaluation, samples
from monitoring.services.alert_notices import Notice
from monitoring.services.rule_evaluation import LONGEST_MESSAGE
from routing.services import database_clock

Event = AlertDelivery.Event


class AlreadyAcknowledged(Exception):
    """Somebody has acknowledged the alert before."""


def evaluate(*, now: datetime) -> dict[str, Any]:
    """Evaluate every rule, pick up what apps have recorded for people, and send what is due.

    Safe to run twice at once: a rule is evaluated under a lock, and a message is claimed before it is sent.

    Returns:
        How many rules were evaluated and failed to be, and how many messages were delivered and are still waiting.
    """
    samples.take(now=now)
    rules = AlertRule.objects.filter(is_enabled=True)
    failed = sum(not rule_evaluation.evaluate(rule, now=now) for rule in rules)
    rule_evaluation.close_disabled(now=now)
    for notice in alert_notices.unheard(now=now):
        _tell(notice, now)
    sent = deliveries.send_due(now=now)
    return {"rules_failed": failed, "delivered": sent.delivered, "waiting": sent.waiting}


def raise_event(
    kind: str,
    message: str,
    *,
    severity: str,
    details: Mapping[str, Any] | None = None,
    title: str = "",
    key: str | None = None,
    now: datetime | None = None,
) -> Alert | None:
    """Tell people of something once, over the channels of its severity; it is sent within a minute.

    Args:
        kind: What sort of event it is, in a word or two joined by dashes.
        message: Whole sentences for people; no secrets, prompts or answers.
        severity: ``critical``, ``warning`` or ``info``.
        details: Figures for programs, as JSON.
        title: One line; made from ``kind`` where it is empty.
        key: The same for an event that may be told again: only the first is. None tells it in any case.
        now: Aware; the database's time where it is not given.

    Returns:
        The alert, or None where the key was told before.
    """
    notice = Notice(
        kind=kind,
        title=title or kind.replace("-", " ").capitalize(),
        message=message,
        severity=Severity(severity),
        details=dict(details or {}),
        key=key,
    )
    return _tell(notice, now or database_clock.now())


def acknowledge(alert: Alert, *, actor: str, note: str, now: datetime) -> None:
    """Note that somebody has taken an alert on; it goes on until its condition is over.

    Raises:
        AlreadyAcknowledged: Somebody has done so before.
    """
    values = {"acknowledged_at": now, "acknowledged_by": actor, "note": note[:500]}
    if not Alert.objects.filter(id=alert.id, acknowledged_at=None).update(**values):
        alert.refresh_from_db()
        raise AlreadyAcknowledged(
            f"{alert.acknowledged_by} acknowledged alert {alert.id} at {alert.acknowledged_at:%Y-%m-%d %H:%M} UTC."
        )


def send_test(
    *, actor: str, now: datetime, rule: AlertRule | None = None, channel: str | None = None
) -> list[AlertDelivery]:
    """Send a message that says it is a test, at once, and return what became of it.

    Args:
        actor: Who asks; part of the message.
        now: Aware.
        rule: Whose channels are tried; without it, all of them.
        channel: The only one to try.
    """
    severity = rule.severity if rule else Severity.INFO.value
    alert = Alert.objects.create(
        rule=rule,
        kind=rule.slug if rule else "test",
        severity=severity,
        title=f"Test: {rule.title}" if rule else "Test of the alert channels",
        message=f"{actor} sends this to see whether it arrives. Nothing is wrong.",
        state=Alert.State.NOTICE,
        began_at=now,
        fired_at=now,
    )
    if channel is not None:
        names = [channel]
    else:
        names = deliveries.channels_for(rule, severity) if rule else deliveries.all_channels()
    made = deliveries.enqueue(alert, Event.TEST, names, now=now)
    deliveries.send(made, now=now)
    return list(AlertDelivery.objects.filter(id__in=[delivery.id for delivery in made]).order_by("id"))


def _tell(notice: Notice, now: datetime) -> Alert | None:
    if notice.key is not None and Alert.objects.filter(key=notice.key).exists():
        return None
    values = {
        "kind": notice.kind[:64],
        "severity": notice.severity.value,
        "title": notice.title[:200],
        "message": notice.message[:LONGEST_MESSAGE],
        "details": notice.details,
        "state": Alert.State.NOTICE,
        "began_at": now,
        "fired_at": now,
    }
    with transaction.atomic():
        if notice.key is None:
            alert, is_new = Alert.objects.create(**values), True
        else:
            alert, is_new = Alert.objects.get_or_create(key=notice.key[:200], defaults=values)
        if is_new:
            names = deliveries.channels_for(None, alert.severity)
            deliveries.enqueue(alert, Event.NOTICE, names, now=now)
    return alert if is_new else None
