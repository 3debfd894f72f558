from django.db import models

from jobs.models.outbox import OutboxMessage
from jobs.models.run import JobRun


class DeadLetter(models.Model):
    """Work that was given up, or a message of the queue that nobody could make anything of; people decide about it."""

    class Kind(models.TextChoices):
        JOB = "job"
        OUTBOX = "outbox", "outbox message"
        MESSAGE = "message", "unreadable message"

    class Outcome(models.TextChoices):
        RETRIED = "retried"
        DISMISSED = "dismissed"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    name = models.CharField(max_length=200, help_text="The job, the handler, or what the message asked for.")
    reason = models.TextField()
    body = models.TextField(blank=True, help_text="Of an unreadable message, cut to 10,000 characters.")
    run = models.ForeignKey(JobRun, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    message = models.ForeignKey(OutboxMessage, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    died_at = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=150, blank=True)

    class Meta:
        db_table = "dead_letters"
        verbose_name = "dead letter"
        ordering = ("-died_at", "-id")
        indexes = [models.Index(fields=["-died_at"], name="dead_letters_newest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
