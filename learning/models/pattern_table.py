from django.db import models
from django.db.models import Q

from accounts.models import Team
from learning.models.retraining import RetrainingRun


class LearningOverride(models.Model):
    """The model that a pattern is sent to, because its ratings earned it. At most one active for a pattern."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        REVOKED = "revoked"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    pattern = models.CharField(max_length=16)
    provider = models.CharField(max_length=64)
    model = models.CharField(max_length=200)
    confidence = models.CharField(max_length=10)
    confidence_score = models.FloatField()
    sample_count = models.IntegerField()
    avg_quality = models.FloatField(help_text="Mean stars, 1 to 5.")
    correctness_rate = models.FloatField(null=True)
    avg_cost_nano_usd = models.BigIntegerField(null=True)
    status = models.CharField(max_length=8, choices=Status.choices)
    reason = models.CharField(max_length=500)
    run = models.ForeignKey(RetrainingRun, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_reason = models.CharField(max_length=500, blank=True)
    revoked_by = models.CharField(
        max_length=150, blank=True, help_text="Staff who took the pattern away; runs then leave the model alone."
    )

    class Meta:
        db_table = "learning_overrides"
        ordering = ("pattern", "-created_at")
        constraints = (
            models.UniqueConstraint(
                fields=("team", "pattern"),
                condition=Q(status="active", team__isnull=False),
                name="override_one_active_per_team_pattern",
            ),
            models.UniqueConstraint(
                fields=("pattern",), condition=Q(status="active", team__isnull=True), name="override_one_active_pattern"
            ),
            models.CheckConstraint(
                condition=Q(confidence_score__range=(0.0, 1.0)), name="override_confidence_is_a_share"
            ),
        )
        indexes = (models.Index(fields=("team", "status", "pattern"), name="override_status_pattern"),)

    def __str__(self) -> str:
        return f"{self.pattern} → {self.provider}/{self.model}"


class ModelPerformance(models.Model):
    """How one model did on one pattern, as one run saw it. Append-only."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    pattern = models.CharField(max_length=16)
    provider = models.CharField(max_length=64)
    model = models.CharField(max_length=200)
    run = models.ForeignKey(RetrainingRun, on_delete=models.PROTECT, related_name="performance")
    avg_quality_score = models.FloatField(help_text="Mean stars, 1 to 5.")
    correctness_rate = models.FloatField(null=True)
    sample_count = models.IntegerField()
    confidence_level = models.CharField(max_length=10)
    confidence_score = models.FloatField()
    avg_cost_nano_usd = models.BigIntegerField(null=True)
    total_cost_nano_usd = models.BigIntegerField(null=True)
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "model_performance_history"
        verbose_name_plural = "model performance history"
        ordering = ("-updated_at", "pattern", "-avg_quality_score")
        constraints = (
            models.UniqueConstraint(fields=("pattern", "provider", "model", "run"), name="performance_once_per_run"),
        )
        indexes = (models.Index(fields=("team", "pattern", "-updated_at"), name="performance_pattern_time"),)

    def __str__(self) -> str:
        return f"{self.pattern} {self.provider}/{self.model}"
