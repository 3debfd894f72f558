from django.db import models

from accounts.models import Team


class MetricEvent(models.Model):
    """Something a team's application measured or noticed, as it said it. Nothing is learned from it."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    type = models.CharField(max_length=64)
    user_id = models.CharField(max_length=200, null=True)
    occurred_at = models.DateTimeField(help_text="As the caller said, else when it arrived.")
    received_at = models.DateTimeField()
    data = models.JSONField()

    class Meta:
        db_table = "metrics"
        ordering = ("-occurred_at", "-id")
        indexes = (
            models.Index(fields=("team", "-occurred_at", "-id"), name="metrics_team_time"),
            models.Index(fields=("team", "type", "-occurred_at"), name="metrics_team_type_time"),
            models.Index(fields=("team", "user_id", "-occurred_at"), name="metrics_team_user_time"),
            models.Index(fields=("-occurred_at", "-id"), name="metrics_time"),
            models.Index(fields=("received_at",), name="metrics_received"),
        )

    def __str__(self) -> str:
        return f"{self.type} at {self.occurred_at:%Y-%m-%d %H:%M:%S}"
