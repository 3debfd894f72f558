from django.db import models
from django.db.models import Q

from accounts.models import Team
from routing.models import PolicyVersion


class RetrainingRun(models.Model):
    """One retraining of the pattern table: what it was given, what it found, what it changed.

    A run without a team is of the shared policy. The constraint is the lock: one run at a time for each policy.
    """

    class State(models.TextChoices):
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule"
        API = "api", "REST API"
        ADMIN = "admin"
        COMMAND = "command", "command line"

    run_id = models.UUIDField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    trigger = models.CharField(max_length=10, choices=Trigger.choices)
    actor = models.CharField(max_length=150)
    parameters = models.JSONField()
    state = models.CharField(max_length=10, choices=State.choices)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    changes = models.JSONField(default=list)
    skipped = models.JSONField(default=list)
    quality_before = models.JSONField(default=dict, help_text="Quality by pattern in the days before the run.")
    quality_after = models.JSONField(default=dict, help_text="The same in the days after it, once they have passed.")
    quality_checked_at = models.DateTimeField(null=True)
    policy_before = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, null=True, related_name="+")
    policy_after = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, null=True, related_name="+")
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("-started_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("team",), condition=Q(state="running", team__isnull=False), name="retraining_one_per_team"
            ),
            models.UniqueConstraint(
                fields=("state",), condition=Q(state="running", team__isnull=True), name="retraining_one_shared"
            ),
        )
        indexes = (models.Index(fields=("state", "-started_at"), name="retraining_state_time"),)

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M} {self.trigger}"
