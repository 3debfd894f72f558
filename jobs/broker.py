"""The Redis transport of the queue, for which a message that nobody can read is one message less and not the end.

As it comes, an entry that is no JSON, or JSON of another form, ends the worker that takes it from the queue, and with
it the tasks it had under way.
"""

import logging
from typing import Any

from celery import current_app
from kombu.transport import TRANSPORT_ALIASES, redis
from kombu.utils import json

logger = logging.getLogger(__name__)

MOST_CHARACTERS = 10_000
_KEEP = "jobs.tasks.keep_message"


def install() -> None:
    """Let Redis URLs mean this transport in this process."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = "jobs.broker:Transport"


def bury(*, name: str, reason: str, body: str) -> None:
    """Have an unreadable message kept as a dead letter, by a task: this process reads the queue, not the database."""
    arguments = {"name": name[:200], "reason": reason[:2000], "body": body[:MOST_CHARACTERS]}
    logger.error("A message of the queue is unreadable: %s", reason[:500])
    try:
        current_app.send_task(_KEEP, kwargs=arguments, retry=False)
    except Exception:
        logger.exception("It could not be kept; it began with %r", body[:200])


class Channel(redis.Channel):
    """Takes a message from the queue only when it has the form of one."""

    def _brpop_read(self, **options: Any) -> Any:
        client = self.client
        parse = client.parse_response

        def parse_readable(*arguments: Any, **keywords: Any) -> Any:
            found = parse(*arguments, **keywords)
            # Nothing came is what the queue says when it is empty, and what an unreadable message comes to.
            return found if found and self._is_readable(found[1]) else None

        client.parse_response = parse_readable
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        finally:
            del client.parse_response

    def _is_readable(self, item: bytes | str) -> bool:
        try:
            text = item.decode() if isinstance(item, bytes) else item
            problem = _problem(json.loads(text))  # type: ignore[no-untyped-call]
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        if problem:
            bury(name="unknown", reason=problem, body=_text(item))
        return not problem


class Transport(redis.Transport):
    """Redis, with the channel above."""

    Channel = Channel

    def _deliver(self, message: dict[str, Any], queue: str) -> None:
        try:
            super()._deliver(message, queue)  # type: ignore[no-untyped-call]
        except (*self.connection_errors, *self.channel_errors):
            raise
        except Exception as error:
            bury(name=_task_of(message), reason=f"{type(error).__name__}: {error}", body=repr(message))
            self._acknowledge(message)

    def _acknowledge(self, message: dict[str, Any]) -> None:
        tag = message["properties"]["delivery_tag"]
        for channel in self.channels:
            channel.basic_ack(tag)


def _problem(payload: Any) -> str:
    """Return what is wrong with the form of a message; empty where a worker can go on with it."""
    if not isinstance(payload, dict):
        return f"A message is an object, this is of type {type(payload).__name__}."
    properties = payload.get("properties")
    if not isinstance(properties, dict) or not isinstance(properties.get("delivery_tag"), str):
        return "It has no properties with a delivery_tag."
    delivery = properties.get("delivery_info")
    if not isinstance(delivery, dict) or not {"exchange", "routing_key"} <= delivery.keys():
        return "It has no delivery_info with exchange and routing_key."
    headers = payload.get("headers")
    if not isinstance(headers, dict) or not isinstance(headers.get("task", ""), str):
        return "Its headers name no task."
    return ""


def _task_of(message: dict[str, Any]) -> str:
    return str(message["headers"].get("task", "unknown"))


def _text(item: bytes | str) -> str:
    return item.decode(errors="replace") if isinstance(item, bytes) else item
