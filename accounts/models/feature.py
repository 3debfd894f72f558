from django.db import models

from accounts.domain.features import Feature
from accounts.models.team import Team

CHOICES = [(feature.value, feature.value) for feature in Feature]


class FeatureGate(models.Model):
    """What staff have set about a feature: for everybody, or for one team. Without a row a feature is on."""

    feature = models.CharField(max_length=32, choices=CHOICES)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    is_enabled = models.BooleanField()
    reason = models.CharField(max_length=500, blank=True)
    changed_by = models.CharField(max_length=150)
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ("feature", "team")
        constraints = (
            models.UniqueConstraint(
                fields=("feature",), condition=models.Q(team__isnull=True), name="feature_gate_one_for_all"
            ),
            models.UniqueConstraint(
                fields=("feature", "team"), condition=models.Q(team__isnull=False), name="feature_gate_one_per_team"
            ),
        )

    def __str__(self) -> str:
        return f"{self.feature} {'on' if self.is_enabled else 'off'}"


class FeatureChange(models.Model):
    """One switch of a feature: who, when and why. Only ever added to."""

    class Kind(models.TextChoices):
        ENABLED = "enabled"
        DISABLED = "disabled"
        RESET = "reset", "reset (the team has no setting of its own any more)"

    feature = models.CharField(max_length=32, choices=CHOICES)
    team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    team_slug = models.CharField(max_length=64, blank=True, help_text="Empty for everybody.")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    reason = models.CharField(max_length=500, blank=True)
    changed_by = models.CharField(max_length=150)
    changed_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ("-changed_at", "-id")

    def __str__(self) -> str:
        return f"{self.feature} {self.kind}"
