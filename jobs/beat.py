"""The scheduler: Celery beat with its schedule in the database."""

import logging
import time
from datetime import datetime
from typing import Any

from celery.schedules import schedstate
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models import QuerySet
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from jobs.decorators import SCHEDULED_ENTRY
from jobs.services import clock, schedules

logger = logging.getLogger(__name__)

# Not a schedule of anything: by it, what was asked for or begun is brought to its end.
_ALWAYS = "jobs.tasks.sweep"
RETRY_SECONDS = 5.0
# Between two ticks; less is what a clock that is kept right is corrected by.
_SET_BY_SECONDS = 2.0


class Entry(ModelEntry):
    """Says in its messages that they come by the schedule."""

    last_run_at: datetime

    def __init__(self, model: PeriodicTask, app: Any = None) -> None:
        super().__init__(model, app=app)
        self.options["headers"][SCHEDULED_ENTRY] = model.name

    def is_due(self) -> schedstate:
        """Say whether it is due; a last time that is still to come was written by a clock that has been set back."""
        self.last_run_at = min(self.last_run_at, self._default_now())
        return super().is_due()


class Scheduler(DatabaseScheduler):
    """Starts what the database says; with ``ENABLE_SCHEDULER=false`` only the sweeper of work under way."""

    Entry = Entry
    _clock_ahead_seconds: float | None = None

    def tick(self, *arguments: Any, **options: Any) -> float:
        """Start what is due and return the seconds to wait; while the database is away, try again in a little while."""
        if self._was_clock_set():
            # The moments in it are of the clock as it was: set back, it would leave all of them in the future.
            self._heap = None
        try:
            return float(super().tick(*arguments, **options))
        except (OperationalError, InterfaceError) as error:
            logger.warning("The database is away, nothing is started: %s", type(error).__name__)
            connection.close()
            return RETRY_SECONDS

    def _was_clock_set(self) -> bool:
        before, self._clock_ahead_seconds = self._clock_ahead_seconds, time.time() - time.monotonic()
        return before is not None and abs(self._clock_ahead_seconds - before) > _SET_BY_SECONDS

    def setup_schedule(self) -> None:
        if not settings.ENABLE_SCHEDULER:
            logger.warning("ENABLE_SCHEDULER=false: nothing is started by its schedule")
        schedules.ship(self.app.conf.beat_schedule, now=clock.now())

    def enabled_models_qs(self) -> QuerySet[PeriodicTask]:
        found: QuerySet[PeriodicTask]
        if settings.ENABLE_SCHEDULER:
            found = super().enabled_models_qs()
        else:
            found = PeriodicTask.objects.filter(enabled=True, task=_ALWAYS)
        return found
