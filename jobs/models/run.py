from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from jobs.models.work import Work

OPEN = (Work.State.QUEUED, Work.State.RUNNING, Work.State.FAILED)


class JobRun(Work):
    """A job's work of one period, done exactly once; without a period key it was asked for and stands alone."""

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule"
        CHAIN = "chain", "after the job before it"
        CATCH_UP = "catch_up", "missed, caught up"
        MANUAL = "manual", "by hand"

    name = models.CharField(max_length=100, help_text="The task, such as learning.tasks.retrain.")
    period_key = models.CharField(max_length=100, null=True, blank=True, help_text="When it was due, in UTC.")
    trigger = models.CharField(max_length=10, choices=Trigger.choices, default=Trigger.SCHEDULE)
    result = models.JSONField(
        default=dict, blank=True, encoder=DjangoJSONEncoder, help_text="What the job says of its work."
    )
    progress = models.JSONField(default=dict, blank=True, help_text="What a retry need not do again.")

    class Meta:
        db_table = "job_runs"
        verbose_name = "job run"
        ordering = ("-created_at", "-id")
        constraints = [
            # The databases take rows without a key for different ones.
            models.UniqueConstraint(fields=["name", "period_key"], name="job_runs_once_per_period"),
        ]
        indexes = [
            models.Index(fields=["name", "-created_at"], name="job_runs_history"),
            models.Index(fields=["state"], name="job_runs_open", condition=models.Q(state__in=OPEN)),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.period_key or self.pk}"
