import uuid

from django.db import models


class Work(models.Model):
    """Work that waits in the database, and whoever is at it.

    Who holds ``token`` works on it until ``lease_expires_at``, which it renews; after that its process is taken for
    dead and anybody may take the work over. ``due_at`` says from when on work that waits may be taken.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed", "failed, to be tried again"
        DEAD = "dead", "given up"

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often it was started; at most four times.")
    error = models.TextField(blank=True, help_text="Of the last attempt that failed.")
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True, help_text="When it may be started, or started again.")
    started_at = models.DateTimeField(null=True, blank=True, help_text="Of the last attempt.")
    finished_at = models.DateTimeField(null=True, blank=True)
    # When a worker was last told of it.
    rung_at = models.DateTimeField(null=True, blank=True, editable=False)
    token: models.UUIDField[uuid.UUID | None, uuid.UUID | None] = models.UUIDField(null=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True
