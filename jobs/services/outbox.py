"""What must happen because of a change: written down with the change, done after it, once.

The row is the truth; the broker only wakes a worker. Register what does it with ``handler``, in a module that the
worker imports (an app's ``tasks.py``), and call ``send`` in the transaction of the change.
"""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from jobs.models import OutboxMessage
from jobs.services import attempts, clock, doorbell
from jobs.services.attempts import Overtaken

logger = logging.getLogger(__name__)

_handlers: dict[str, "_Handler"] = {}
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class _Handler:
    do: Callable[..., Any]
    in_transaction: bool


class UnknownHandler(Exception):
    """No handler of that name is registered in this process."""


def handler(name: str, *, in_transaction: bool = True) -> Callable[[F], F]:
    """Register a function for messages of this name; it takes the message's arguments as keywords.

    Args:
        name: Of the messages.
        in_transaction: What the function writes is committed together with the note that it is done, so its effect
            happens exactly once. False for one that asks the network: it runs outside of any transaction, is called
            again when its process dies before the note, and is given ``message_id`` too, by which whoever receives it
            can tell that it is the same.
    """

    def register(do: F) -> F:
        _handlers[name] = _Handler(do, in_transaction)
        return do

    return register


def send(name: str, /, **arguments: Any) -> OutboxMessage:
    """Write a message down in the present transaction; a worker is told once that is committed."""
    now = clock.now()
    message = OutboxMessage.objects.create(handler=name, arguments=arguments, created_at=now, due_at=now)
    doorbell.ring_on_commit(message)
    return message


def deliver(message_id: uuid.UUID) -> bool:
    """Do what a message asks for; False when it is done, not due, or in other hands.

    Raises:
        Exception: What the handler raises, after that has been recorded.
    """
    held = attempts.take(OutboxMessage.objects.filter(pk=message_id), clock.now())
    if held is None:
        return False
    found = _handlers.get(held.handler)
    in_transaction = found is not None and found.in_transaction
    try:
        attempts.perform(held, lambda: _call(found, held), in_transaction=in_transaction, conclude=_nothing)
    except Overtaken as error:
        logger.warning("%s", error)
        return False
    return True


def _call(found: _Handler | None, held: OutboxMessage) -> None:
    if found is None:
        raise UnknownHandler(f"No handler {held.handler!r} is registered: is this worker older than the sender?")
    extra = {} if found.in_transaction else {"message_id": str(held.pk)}
    found.do(**held.arguments, **extra)


def _nothing(_message: OutboxMessage) -> None:
    """Nothing follows from a message but what its handler does."""
