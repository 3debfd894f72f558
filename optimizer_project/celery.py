"""The Celery application: `celery -A optimizer_project worker` and `beat`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "optimizer_project.settings")
app = Celery("optimizer_project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
