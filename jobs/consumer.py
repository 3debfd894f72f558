"""Reads the worker's queue; messages that ask for what there is not are kept as dead letters."""

from typing import Any

from celery.worker import consumer

from jobs.broker import bury


class Consumer(consumer.Consumer):
    """Celery's, which only logs such messages."""

    def on_unknown_message(self, body: Any, message: Any) -> None:
        super().on_unknown_message(body, message)
        _bury(message, "It is no message of Celery's.")

    def on_unknown_task(self, body: Any, message: Any, exc: BaseException) -> None:
        _bury(message, f"There is no task {exc}: is this worker older than the sender?")
        super().on_unknown_task(body, message, exc)

    def on_invalid_task(self, body: Any, message: Any, exc: BaseException) -> None:
        super().on_invalid_task(body, message, exc)
        _bury(message, f"{type(exc).__name__}: {exc}")

    def on_decode_error(self, message: Any, exc: BaseException) -> None:
        super().on_decode_error(message, exc)
        _bury(message, f"{type(exc).__name__}: {exc}")


def _bury(message: Any, reason: str) -> None:
    headers = message.headers or {}
    bury(name=str(headers.get("task", "unknown")), reason=reason, body=f"{headers!r} {message.body!r}")
