"""Where messages go. Addresses are secrets: kept encrypted or in the environment, and shown only masked.

The notification library knows some 140 services by address, such as slack:// and pagerduty://. It is imported where it
is used, because that takes a second.
"""

import logging
import re
from typing import Any

from django.conf import settings

from accounts.services import encryption
from monitoring.domain.alert_message import Message
from monitoring.domain.alerting import Severity
from monitoring.models import AlertChannel, ChannelName

logger = logging.getLogger(__name__)

_PURPOSE = "alert-channel-address"
# Shorter parts of an address are words such as "services", and no secrets.
_SECRET_CHARACTERS = 6


class ChannelError(Exception):
    """A message could not be delivered; the text says why and holds no part of the address."""


class NotConfigured(ChannelError):
    """The channel has no address, so that trying again is of no use."""


class InvalidAddress(ChannelError):
    """The notification library cannot read the address."""


def address(name: str) -> str | None:
    """Return where a channel sends to: what staff entered, or else the environment's; None for neither."""
    row = AlertChannel.objects.filter(name=name).first()
    if row is not None and row.encrypted_address:
        try:
            return encryption.decrypt(bytes(row.encrypted_address), purpose=_PURPOSE).decode()
        except encryption.CannotDecrypt as error:
            raise NotConfigured(f"The address of {name} cannot be read: enter it anew. {error}") from error
    return settings.ALERT_ADDRESSES.get(name) or None


def check(name: str, new: str) -> None:
    """Raise InvalidAddress unless the notification library can read the address."""
    _notifier(name, new)


def set_address(channel: AlertChannel, new: str) -> None:
    """Keep an address, encrypted; an empty one leaves the environment's in force.

    Raises:
        InvalidAddress: The notification library cannot read it.
    """
    if new:
        check(channel.name, new)
    channel.encrypted_address = encryption.encrypt(new.encode(), purpose=_PURPOSE) if new else None
    channel.save(update_fields=("encrypted_address",))


def masked(name: str) -> str:
    """Return a channel's address as people may see it; empty without one, or where it cannot be read."""
    if name == ChannelName.LOG:
        return "the product's own log"
    try:
        found = address(name)
        return str(_notifier(name, found).url(privacy=True)).partition("?")[0] if found else ""
    except ChannelError as error:
        return str(error)


def send(name: str, message: Message) -> None:
    """Deliver one message; takes at most about 20 seconds.

    Raises:
        NotConfigured: The channel has no address.
        ChannelError: The receiver did not take it.
    """
    if name == ChannelName.LOG:
        level = logging.INFO if message.severity is Severity.INFO else logging.WARNING
        logger.log(level, "%s: %s", message.title, message.body)
        return
    found = address(name)
    if not found:
        variable = f"ALERT_{name.upper()}_URL"
        raise NotConfigured(f"No address: set {variable}, or enter one on the channel's page in the admin.")
    _deliver(_notifier(name, found), found, message)


def _deliver(notifier: Any, found: str, message: Message) -> None:
    from apprise import LogCapture, NotifyFormat, NotifyType

    types = {Severity.CRITICAL: NotifyType.FAILURE, Severity.WARNING: NotifyType.WARNING}
    kind = NotifyType.SUCCESS if message.event == "resolved" else types.get(message.severity, NotifyType.INFO)
    if hasattr(notifier, "dedup"):
        # PagerDuty closes an incident by the key it was opened with.
        notifier.dedup, notifier.action = message.incident, "map"
    with LogCapture(level=logging.WARNING, fmt="%(message)s") as log:  # type: ignore[no-untyped-call]
        is_delivered = notifier.notify(
            body=message.body, title=message.title, notify_type=kind, body_format=NotifyFormat.TEXT
        )
        told = log.getvalue()
    if not is_delivered:
        raise ChannelError(_without_secrets(told, found) or "The receiver did not take the message.")


def _notifier(name: str, found: str) -> Any:
    from apprise import Apprise

    notifier = Apprise.instantiate(found, suppress_exceptions=True)
    if notifier is None:
        raise InvalidAddress(
            f"The address of {name} is none that the notification library knows: see the examples in docs/ALERTS.md."
        )
    return notifier


def _without_secrets(text: str, found: str) -> str:
    """Return the library's words on one line, without any part of the address that may be a secret."""
    for part in sorted(re.split(r"[/:@?&=#+]+", found), key=len, reverse=True):
        if len(part) >= _SECRET_CHARACTERS:
            text = text.replace(part, "…")
    return " ".join(text.split())[:500]
