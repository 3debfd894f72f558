"""Evaluates one alert rule: measures, and opens, fires, keeps or resolves the alert of each subject."""

import logging
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction

from monitoring.domain import alerting
from monitoring.domain.alerting import Comparison, Condition, Reading, State, Step
from monitoring.models import Alert, AlertDelivery, AlertRule
from monitoring.selectors.measures import registry
from monitoring.services import deliveries

logger = logging.getLogger(__name__)

OPEN = (Alert.State.PENDING, Alert.State.FIRING)
LONGEST_MESSAGE = 2000
Event = AlertDelivery.Event


def evaluate(rule: AlertRule, *, now: datetime) -> bool:
    """Evaluate a rule; False when it could not be measured, which leaves its alerts as they are."""
    try:
        with transaction.atomic():
            # Whoever evaluates the same rule at the same moment waits here, and finds the alerts of this run.
            rule = AlertRule.objects.select_for_update().get(id=rule.id)
            since = now - timedelta(seconds=rule.window_seconds)
            readings = registry.read(rule.measure, since=since, now=now)
            _apply(rule, readings, now)
            values = {"evaluated_at": now, "last_value": _worst(rule, readings), "last_error": ""}
            AlertRule.objects.filter(id=rule.id).update(**values)
    except (DatabaseError, OSError, ValueError) as error:
        # One measure that fails must not silence the others; the page of the rules shows it.
        logger.exception("Alert rule %s could not be evaluated", rule.slug)
        AlertRule.objects.filter(id=rule.id).update(last_error=f"{type(error).__name__}: {error}"[:500])
        return False
    return True


def close_disabled(*, now: datetime) -> None:
    """Resolve what rules that are switched off, or are gone, have left open."""
    with transaction.atomic():
        for alert in Alert.objects.filter(state__in=OPEN).exclude(rule__is_enabled=True):
            _end(alert, now)


def _worst(rule: AlertRule, readings: list[Reading]) -> float | None:
    values = [reading.value for reading in readings if reading.value is not None]
    if not values:
        return None
    return min(values) if rule.comparison == Comparison.BELOW else max(values)


def _apply(rule: AlertRule, readings: list[Reading], now: datetime) -> None:
    found = {reading.subject: reading for reading in readings}
    held = {alert.subject: alert for alert in rule.alerts.filter(state__in=OPEN)}
    for subject in sorted({*found, *held}):
        _apply_one(rule, found.get(subject), held.get(subject), now)


def _apply_one(rule: AlertRule, reading: Reading | None, alert: Alert | None, now: datetime) -> None:
    hold = timedelta(seconds=rule.hold_seconds)
    condition = Condition(Comparison(rule.comparison), rule.threshold, rule.min_samples, hold)
    state, since = (State(alert.state), alert.began_at) if alert else (None, None)
    step = alerting.step(condition, is_met=condition.is_met(reading), state=state, since=since, now=now)
    if reading is not None and step in (Step.OPEN, Step.FIRE, Step.KEEP):
        alert = alert or Alert(
            rule=rule, kind=rule.slug, subject=reading.subject, state=Alert.State.PENDING, began_at=now
        )
        _keep(rule, alert, reading)
        if step is Step.FIRE:
            _fire(rule, alert, now)
    elif alert is not None and step in (Step.DROP, Step.RESOLVE):
        if reading is not None:
            alert.value, alert.samples = reading.value, reading.samples
        _end(alert, now)


def _keep(rule: AlertRule, alert: Alert, reading: Reading) -> None:
    """Bring what the alert says up to date."""
    alert.severity, alert.title, alert.threshold = rule.severity, rule.title, rule.threshold
    alert.message = " ".join(filter(None, (reading.text, rule.advice)))[:LONGEST_MESSAGE]
    alert.value, alert.samples, alert.details = reading.value, reading.samples, reading.details
    alert.save()


def _fire(rule: AlertRule, alert: Alert, now: datetime) -> None:
    alert.state, alert.fired_at = Alert.State.FIRING, now
    alert.save()
    logger.warning("Alert %s %s fires at %s", rule.slug, alert.subject, alert.value)
    deliveries.enqueue(alert, Event.FIRING, deliveries.channels_for(rule, rule.severity), now=now)


def _end(alert: Alert, now: datetime) -> None:
    """Resolve an alert that has fired, and tell those who heard of it; forget one that never did."""
    if alert.state == Alert.State.PENDING:
        alert.delete()
        return
    alert.state, alert.resolved_at = Alert.State.RESOLVED, now
    alert.save()
    logger.info("Alert %s %s is resolved", alert.kind, alert.subject)
    heard = alert.deliveries.filter(event=Event.FIRING).exclude(state=AlertDelivery.State.UNDELIVERED)
    deliveries.enqueue(alert, Event.RESOLVED, sorted(set(heard.values_list("channel", flat=True))), now=now)
