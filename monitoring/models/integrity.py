from django.db import models
from django.db.models import Q


class IntegrityCheck(models.Model):
    """One look at whether what is stored agrees with itself, and with what is computed anew. Append-only."""

    class Kind(models.TextChoices):
        SPOT = "spot", "spot check"
        FULL = "full", "full check"

    kind = models.CharField(max_length=4, choices=Kind.choices)
    checked_at = models.DateTimeField()
    duration_ms = models.IntegerField()
    pass_rate = models.FloatField(help_text="Share of the checks that passed, in [0, 1].")
    results = models.JSONField(help_text="Each check: name, passed, how much it looked at, and what it found.")

    class Meta:
        db_table = "integrity_checks"
        ordering = ("-checked_at", "-id")
        constraints = (
            models.CheckConstraint(condition=Q(pass_rate__range=(0.0, 1.0)), name="integrity_pass_rate_is_a_share"),
        )
        indexes = (models.Index(fields=("-checked_at",), name="integrity_time"),)

    def __str__(self) -> str:
        return f"{self.checked_at:%Y-%m-%d %H:%M} {self.kind}"
