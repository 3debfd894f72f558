import uuid

from django.db import models

from jobs.models.run import OPEN
from jobs.models.work import Work


class OutboxMessage(Work):
    """Something to be done because of a change, written in the transaction of that change.

    The message broker only tells a worker to look here, so nothing is lost with it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    handler = models.CharField(max_length=100)
    arguments = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "outbox_messages"
        verbose_name = "outbox message"
        ordering = ("-created_at",)
        indexes = [
            models.Index(fields=["-created_at"], name="outbox_newest"),
            models.Index(fields=["state"], name="outbox_open", condition=models.Q(state__in=OPEN)),
        ]

    def __str__(self) -> str:
        return f"{self.handler} {self.pk}"
