"""Sends messages to channels until they arrive. Each is a row first, so none is lost with a process or a receiver."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef

from monitoring.domain import alert_message, backoff
from monitoring.domain.alert_message import Message
from monitoring.domain.alerting import Severity
from monitoring.models import Alert, AlertChannel, AlertDelivery, AlertRule
from monitoring.services import channels
from monitoring.services.channels import ChannelError, NotConfigured

logger = logging.getLogger(__name__)

State, Event = AlertDelivery.State, AlertDelivery.Event
MAX_A_RUN = 50
# Longer than sending one message may take; a process that dies meanwhile leaves it to the next run.
_LEASE = timedelta(minutes=2)
# Of an alert that still fires: its channel may have got an address, or its receiver be back.
_TRY_AGAIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Sent:
    """How many messages of a run arrived, and how many did not yet."""

    delivered: int
    waiting: int


def channels_for(rule: AlertRule | None, severity: str) -> list[str]:
    """Return the enabled channels of a rule: those it names, or else those of the severity."""
    enabled = AlertChannel.objects.filter(is_enabled=True).order_by("name")
    named = rule.channels if rule else []
    return [row.name for row in enabled if (row.name in named if named else severity in row.severities)]


def all_channels() -> list[str]:
    """Return every enabled channel."""
    return list(AlertChannel.objects.filter(is_enabled=True).order_by("name").values_list("name", flat=True))


def enqueue(alert: Alert, event: str, names: Iterable[str], *, now: datetime) -> list[AlertDelivery]:
    """Write down a message for each channel; call it in the transaction that makes it true."""
    return [
        AlertDelivery.objects.create(alert=alert, channel=name, event=event, created_at=now, next_attempt_at=now)
        for name in names
    ]


def send_due(*, now: datetime) -> Sent:
    """Send what is due, the oldest first; an alert's end never before its beginning."""
    _try_again(now)
    earlier = AlertDelivery.objects.filter(
        alert=OuterRef("alert"), channel=OuterRef("channel"), state=State.WAITING, id__lt=OuterRef("id")
    )
    due = AlertDelivery.objects.filter(~Exists(earlier), state=State.WAITING, next_attempt_at__lte=now)
    return send(list(due.order_by("id")[:MAX_A_RUN]), now=now)


def send(waiting: Sequence[AlertDelivery], *, now: datetime) -> Sent:
    """Try each message once; after a failure, the others of its channel are left to a later run."""
    delivered, failed = 0, set[str]()
    for delivery in waiting:
        if delivery.channel in failed or not _claim(delivery, now):
            continue
        if _attempt(delivery, now):
            delivered += 1
        else:
            failed.add(delivery.channel)
    return Sent(delivered, len(waiting) - delivered)


def send_again(deliveries: Iterable[AlertDelivery], *, now: datetime) -> int:
    """Let messages that were given up be tried anew, from the first attempt; return how many."""
    ids = [delivery.id for delivery in deliveries]
    undelivered = AlertDelivery.objects.filter(id__in=ids, state=State.UNDELIVERED)
    return undelivered.update(state=State.WAITING, attempts=0, next_attempt_at=now)


def hurry(channel: str, *, now: datetime) -> None:
    """Let what a channel should have told of alerts that still fire be tried with the next run: its address is new."""
    AlertDelivery.objects.filter(channel=channel, state=State.UNDELIVERED).update(next_attempt_at=now)


def _try_again(now: datetime) -> None:
    still_bad = AlertDelivery.objects.filter(
        state=State.UNDELIVERED, event=Event.FIRING, next_attempt_at__lte=now, alert__state=Alert.State.FIRING
    )
    still_bad.update(state=State.WAITING)


def _claim(delivery: AlertDelivery, now: datetime) -> bool:
    """Take a message for this process; False when another one has."""
    unclaimed = AlertDelivery.objects.filter(
        id=delivery.id, state=State.WAITING, next_attempt_at=delivery.next_attempt_at
    )
    return bool(unclaimed.update(next_attempt_at=now + _LEASE, attempts=F("attempts") + 1))


def _attempt(delivery: AlertDelivery, now: datetime) -> bool:
    delivery.refresh_from_db()
    try:
        channels.send(delivery.channel, _message(delivery))
    except ChannelError as error:
        _note_failure(delivery, error, now)
        return False
    AlertDelivery.objects.filter(id=delivery.id).update(
        state=State.DELIVERED, delivered_at=now, next_attempt_at=None, error=""
    )
    return True


def _note_failure(delivery: AlertDelivery, error: ChannelError, now: datetime) -> None:
    is_final = isinstance(error, NotConfigured) or delivery.event == Event.TEST
    wait = None if is_final else backoff.wait_after(delivery.attempts)
    state = State.UNDELIVERED if wait is None else State.WAITING
    logger.warning("Alert message %d to %s was not delivered: %s", delivery.id, delivery.channel, error)
    AlertDelivery.objects.filter(id=delivery.id).update(
        state=state, next_attempt_at=now + (wait or _TRY_AGAIN), error=str(error)[:500]
    )


def _message(delivery: AlertDelivery) -> Message:
    alert = delivery.alert
    event: alert_message.Event = delivery.event  # type: ignore[assignment]
    severity = Severity(alert.severity)
    title = alert_message.title(event, severity, alert.title, alert.subject)
    return Message(
        title=title,
        # Channels refuse a message without a text.
        body=alert_message.body(alert.message, value=alert.value, threshold=alert.threshold) or title,
        severity=severity,
        event=event,
        incident=f"ai-cost-optimizer-alert-{alert.id}",
    )
