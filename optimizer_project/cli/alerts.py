"""Alerts fire when a rule's condition has held for its time, and are resolved by themselves.

Rules and channels are edited in the admin. The scheduler evaluates the rules every minute; `evaluate` does it at once.
"""

import argparse

from django.core.management.base import CommandError

from monitoring.models import Alert, AlertDelivery, ChannelName
from monitoring.services import alerts
from monitoring.services.alerts import AlreadyAcknowledged
from optimizer_project.cli.arguments import add_json, whole_number
from optimizer_project.cli.console import Console
from routing.services import database_clock

NAME = "alerts"
HELP = "list and acknowledge alerts, test the channels, evaluate the rules"
ACTOR = "command line"
OPEN = (Alert.State.FIRING, Alert.State.PENDING)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list what fires or is about to")
    listing.add_argument("--all", action="store_true", help="with what is over, and notices")
    listing.add_argument("--limit", metavar="N", type=whole_number(1, 1000), default=50, help="default: 50")
    add_json(listing)
    ack = actions.add_parser("ack", help="note that somebody has taken an alert on")
    ack.add_argument("id", metavar="ID", type=whole_number(1, 2**63 - 1), help="as `alerts list` shows it")
    ack.add_argument("--note", default="", help="what is being done")
    ack.add_argument("--by", metavar="NAME", default=ACTOR, help="who; default: command line")
    test = actions.add_parser("test", help="send a test message at once")
    test.add_argument("--channel", choices=ChannelName.values, help="default: every enabled channel")
    actions.add_parser("evaluate", help="evaluate every rule and send what is due")


def run(options: argparse.Namespace, console: Console) -> None:
    {"list": _list, "ack": _ack, "test": _test, "evaluate": _evaluate}[options.action](options, console)


def _list(options: argparse.Namespace, console: Console) -> None:
    found = Alert.objects.all() if options.all else Alert.objects.filter(state__in=OPEN)
    rows = [_row(alert) for alert in found[: options.limit]]
    if options.json:
        console.json(rows)
    elif rows:
        console.table([name.replace("_", " ") for name in rows[0]], [tuple(row.values()) for row in rows])
    else:
        console.line("Nothing fires. What was: manage.py optimizer alerts list --all")


def _row(alert: Alert) -> dict[str, object]:
    undelivered = alert.deliveries.filter(state=AlertDelivery.State.UNDELIVERED).count()
    return {
        "id": alert.id,
        "state": alert.state,
        "severity": alert.severity,
        "began": f"{alert.began_at:%Y-%m-%d %H:%M}",
        "what": f"{alert.title} ({alert.subject})" if alert.subject else alert.title,
        "value": None if alert.value is None else f"{alert.value:.4g}",
        "acknowledged_by": alert.acknowledged_by or None,
        "undelivered": undelivered or None,
    }


def _ack(options: argparse.Namespace, console: Console) -> None:
    alert = Alert.objects.filter(id=options.id).first()
    if alert is None:
        raise CommandError(f"There is no alert {options.id}. List them with: manage.py optimizer alerts list --all")
    try:
        alerts.acknowledge(alert, actor=options.by, note=options.note, now=database_clock.now())
    except AlreadyAcknowledged as error:
        raise CommandError(str(error)) from error
    console.line(f"Alert {alert.id} is acknowledged by {options.by}.")


def _test(options: argparse.Namespace, console: Console) -> None:
    made = alerts.send_test(actor=f"The {ACTOR}", now=database_clock.now(), channel=options.channel)
    rows = [(delivery.channel, delivery.state, delivery.error or None) for delivery in made]
    console.table(("channel", "result", "why not"), rows)
    failed = [delivery.channel for delivery in made if delivery.state != AlertDelivery.State.DELIVERED]
    if failed:
        raise CommandError(f"Not delivered to {', '.join(failed)}: see above, and docs/ALERTS.md for addresses.")


def _evaluate(options: argparse.Namespace, console: Console) -> None:
    found = alerts.evaluate(now=database_clock.now())
    firing = Alert.objects.filter(state=Alert.State.FIRING).count()
    console.line(f"{firing} alerts fire; {found['delivered']} messages were delivered, {found['waiting']} are not yet.")
    if found["rules_failed"]:
        raise CommandError(
            f"{found['rules_failed']} rules could not be evaluated: the admin's page of the rules says why."
        )
