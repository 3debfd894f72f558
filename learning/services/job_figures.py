"""Counts and times learning jobs, one for each policy that is learned, for Prometheus."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from accounts.services import telemetry


@contextmanager
def recorded(*, unless: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Count the block as a job that succeeded or failed; as none where it raises one of ``unless``."""
    started = time.monotonic()
    try:
        yield
    except unless:
        raise
    except BaseException:
        _note("failed", started)
        raise
    _note("succeeded", started)


def _note(outcome: str, started: float) -> None:
    telemetry.count("learning_jobs_total", outcome=outcome)
    telemetry.observe("learning_jobs_duration_seconds", time.monotonic() - started)
