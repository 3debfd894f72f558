from django.db import models
from django.db.models import Q

from accounts.models import Team


class LearningMetric(models.Model):
    """What a team's answers say, computed anew from them each time: one row for each kind and period.

    Acceptance and calibration have a row for each day, the threshold one for each ISO week, named by its Monday.
    """

    class Kind(models.TextChoices):
        ACCEPTANCE = "acceptance", "how often suggestions are accepted"
        CALIBRATION = "calibration", "how well confidence tells acceptance"
        THRESHOLD = "threshold", "least confidence that is suggested"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    period = models.DateField(help_text="The UTC day, or the Monday of the week.")
    samples = models.IntegerField(help_text="Answers that said yes or no.")
    value = models.FloatField(null=True, help_text="Accepted share, expected calibration error, or threshold.")
    figures = models.JSONField()
    computed_at = models.DateTimeField()

    class Meta:
        db_table = "learning_metrics"
        ordering = ("-period", "team", "kind")
        constraints = (
            models.UniqueConstraint(fields=("team", "kind", "period"), name="learning_metric_once_a_period"),
            models.CheckConstraint(
                condition=Q(value__isnull=True) | Q(value__range=(0.0, 1.0)), name="learning_metric_value_is_a_share"
            ),
        )
        indexes = (
            models.Index(fields=("kind", "-computed_at"), name="learning_metric_freshness"),
            models.Index(fields=("team", "-period"), name="learning_metric_team"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.period}"


class PatternMetric(models.Model):
    """A type of finding that keeps coming back to a team, and whether the team acts on it."""

    class Kind(models.TextChoices):
        ANTI_PATTERN = "anti_pattern"
        BEST_PRACTICE = "best_practice"
        RECURRING = "recurring"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    finding_type = models.CharField(max_length=40)
    kind = models.CharField(max_length=13, choices=Kind.choices)
    occurrences = models.IntegerField()
    accepted = models.IntegerField()
    rejected = models.IntegerField()
    first_raised_at = models.DateTimeField()
    last_raised_at = models.DateTimeField()
    computed_at = models.DateTimeField()

    class Meta:
        db_table = "pattern_metrics"
        ordering = ("team", "-occurrences", "finding_type")
        constraints = (
            models.UniqueConstraint(fields=("team", "finding_type"), name="pattern_metric_once_per_type"),
            models.CheckConstraint(
                condition=Q(occurrences__gte=0, accepted__gte=0, rejected__gte=0), name="pattern_metric_not_negative"
            ),
        )
        indexes = (models.Index(fields=("team", "kind", "-occurrences"), name="pattern_metric_kind"),)

    def __str__(self) -> str:
        return f"{self.finding_type}: {self.kind}"
