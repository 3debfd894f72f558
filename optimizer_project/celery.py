"""The Celery application: `celery -A optimizer_project worker` and `beat`."""

import os
from typing import Any

from celery import Celery, signals

from jobs import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "optimizer_project.settings")
broker.install()
app = Celery("optimizer_project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.worker_ready.connect
def look_for_missed_periods(**_kwargs: Any) -> None:
    """Look at once, rather than when the scheduler next says so: what was away may have been everything."""
    app.send_task("jobs.tasks.catch_up")
    app.send_task("jobs.tasks.sweep")


@signals.task_prerun.connect
def know_the_time(**_kwargs: Any) -> None:
    """Let tasks go by the database's clock, as web processes do."""
    from django.db import close_old_connections

    from routing.services import database_clock

    close_old_connections()
    database_clock.synchronize()


@signals.worker_ready.connect
def serve_figures(**_kwargs: Any) -> None:
    from django.conf import settings

    from optimizer_project import figures_server

    if settings.METRICS_PORT:
        figures_server.start(settings.METRICS_PORT)


@signals.worker_process_shutdown.connect
def write_figures(**_kwargs: Any) -> None:
    """Write what was counted last: a worker's processes end without the interpreter's own ending."""
    from accounts.services import telemetry

    telemetry.write()
