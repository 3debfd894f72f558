import uuid

import pytest
from django.conf import settings
from django.utils import timezone

from feedback import tasks
from feedback.models import ResponseFeedback
from optimizer_project.celery import app
from tests import factories


@pytest.mark.django_db
def test_scheduled_task_links_what_was_waiting() -> None:
    team, request_id, now = factories.team(), uuid.uuid4(), timezone.now()
    factories.feedback(team, linked=False, ledger_request_id=None, request_id=str(request_id), created_at=now)
    factories.ledger_entry(team, request_id=request_id, created_at=now)

    tasks.link_pending()
    tasks.link_pending()

    assert ResponseFeedback.objects.filter(linked=True).count() == 1


def test_task_is_scheduled_under_its_name() -> None:
    assert settings.CELERY_BEAT_SCHEDULE["link-feedback"]["task"] == tasks.link_pending.name
    assert tasks.link_pending.name in app.tasks
