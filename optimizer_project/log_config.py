"""Structured logs: one line an event, JSON in production, readable elsewhere; never prompts, answers or keys."""

import logging
from typing import Any

import structlog

# Tasks that come every few seconds; that they came is no news. What goes wrong in them is told.
_FREQUENT_TASKS = ("monitoring.tasks.publish_live", "jobs.tasks.sweep")

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def is_news(record: logging.LogRecord) -> bool:
    """Say whether a line is anything but Celery's about a task that comes every few seconds."""
    if record.levelno > logging.INFO or not record.name.startswith("celery."):
        return True
    message = record.getMessage()
    return not any(task in message for task in _FREQUENT_TASKS)


def logging_config(level: str, *, as_json: bool) -> dict[str, Any]:
    """Return Django's LOGGING for this level; also configures structlog."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processor": renderer,
                "foreign_pre_chain": _SHARED,
            }
        },
        "filters": {"news": {"()": lambda: is_news}},
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "structured", "filters": ["news"]},
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # The server's own lines take the same form as all others.
            "uvicorn": {"handlers": [], "propagate": True},
            "uvicorn.error": {"handlers": [], "propagate": True},
            # Its access lines repeat what the ledger holds, at a cost for each request.
            "uvicorn.access": {"handlers": [], "propagate": False, "level": "WARNING"},
            # Says of each log-in that nothing was to be forgotten; what is to be known it warns of.
            "axes": {"level": "WARNING"},
            # The addresses of alert channels hold secrets, and these write them: our own lines say what came of it.
            "apprise": {"handlers": [], "propagate": False},
            "urllib3": {"handlers": [], "propagate": True, "level": "INFO"},
        },
    }
