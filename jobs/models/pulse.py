from django.db import models


class Pulse(models.Model):
    """What is known of a task that comes every few seconds or minutes: its last state, no history."""

    name = models.CharField(max_length=100, primary_key=True)
    is_failing = models.BooleanField(default=False)
    last_success_at = models.DateTimeField(null=True, blank=True, help_text="Brought up to date once a minute.")
    last_failure_at = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    error = models.TextField(blank=True, help_text="Of the last failure.")

    class Meta:
        db_table = "job_pulses"
        verbose_name = "frequent task"
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
