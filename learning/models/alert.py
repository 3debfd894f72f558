from django.db import models
from django.db.models import Q

from accounts.models import Team
from learning.models.retraining import RetrainingRun


class LearningAlert(models.Model):
    """Something people must look at before learning may be trusted; unresolved ones of ratings freeze their pattern."""

    class Kind(models.TextChoices):
        QUALITY_DROP = "quality_drop", "quality fell after a run"
        VOTE_ANOMALY = "vote_anomaly", "unusual ratings: the pattern is frozen"
        VOTE_DISPUTE = "vote_dispute", "ratings contradict each other: the pattern is frozen"
        VOTE_FLOOD = "vote_flood", "far more ratings than count"
        PREDICTOR_REFUSED = "predictor_refused", "a predictor could not be loaded"

    # While they are unresolved, their pattern learns nothing.
    FREEZING = (Kind.VOTE_ANOMALY, Kind.VOTE_DISPUTE)

    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    pattern = models.CharField(max_length=16, blank=True)
    run = models.ForeignKey(RetrainingRun, on_delete=models.CASCADE, null=True, related_name="+")
    message = models.CharField(max_length=500)
    details = models.JSONField(default=dict)
    raised_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ("-raised_at",)
        indexes = (models.Index(fields=("kind", "pattern"), condition=Q(resolved_at=None), name="alert_unresolved"),)

    def __str__(self) -> str:
        return self.message
