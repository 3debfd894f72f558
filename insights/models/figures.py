from django.db import models
from django.db.models import Q

from accounts.models import Team


class TeamMetric(models.Model):
    """A team's figures of one UTC day, so that later ones can be held against them. Money is in nano-dollars."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    requests = models.BigIntegerField()
    cost_nano_usd = models.BigIntegerField()
    savings_nano_usd = models.BigIntegerField()
    open_findings = models.IntegerField()
    open_monthly_savings_nano_usd = models.BigIntegerField(help_text="What open findings might save, at most.")
    accepted = models.IntegerField(help_text="Newest answers up to then.")
    rejected = models.IntegerField()
    ignored = models.IntegerField()
    realized_nano_usd = models.BigIntegerField(help_text="What actions in force have saved so far.")
    computed_at = models.DateTimeField()

    class Meta:
        db_table = "team_metrics"
        ordering = ("-day", "team")
        constraints = (models.UniqueConstraint(fields=("team", "day"), name="team_metric_once_a_day"),)
        indexes = (models.Index(fields=("-day",), name="team_metric_day"),)

    def __str__(self) -> str:
        return f"{self.team_id} {self.day}"


class InsightsTrend(models.Model):
    """One figure of a team in one ISO week, named by its Monday. Weeks older than a year are archived, not deleted."""

    class Metric(models.TextChoices):
        REQUESTS = "requests"
        COST = "cost_nano_usd", "cost"
        COST_PER_REQUEST = "cost_per_request_nano_usd", "cost of a request"
        SAVINGS_RATE = "savings_rate"
        SUCCESS_RATE = "success_rate"
        CACHE_HIT_RATE = "cache_hit_rate"
        LATENCY = "latency_ms", "mean latency"
        STARS = "stars", "mean stars"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    metric = models.CharField(max_length=32, choices=Metric.choices)
    week = models.DateField(help_text="Its Monday.")
    value = models.FloatField(null=True, help_text="Null where there was nothing to divide by.")
    is_complete = models.BooleanField()
    computed_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "insights_trends"
        ordering = ("team", "metric", "week")
        constraints = (models.UniqueConstraint(fields=("team", "metric", "week"), name="insights_trend_once_a_week"),)
        indexes = (
            models.Index(fields=("week",), condition=Q(archived_at__isnull=True), name="insights_trend_not_archived"),
        )

    def __str__(self) -> str:
        return f"{self.metric} {self.week}"


class LearningPath(models.Model):
    """One thing a team should get better at, in its place; all of a team's are written together."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    place = models.IntegerField(help_text="From 1.")
    finding_type = models.CharField(max_length=40)
    goal = models.CharField(max_length=200)
    reason = models.CharField(max_length=500)
    score = models.FloatField()
    findings = models.IntegerField()
    monthly_savings_nano_usd = models.BigIntegerField(help_text="At most: findings may share traffic.")
    steps = models.JSONField(help_text="Fingerprints of the findings to begin with, in order.")
    computed_at = models.DateTimeField()

    class Meta:
        db_table = "learning_paths"
        ordering = ("team", "place")
        constraints = (
            models.UniqueConstraint(fields=("team", "place"), name="learning_path_one_in_a_place"),
            models.UniqueConstraint(fields=("team", "finding_type"), name="learning_path_one_per_type"),
            models.CheckConstraint(condition=Q(place__gte=1), name="learning_path_place_from_one"),
        )

    def __str__(self) -> str:
        return f"{self.place}. {self.goal}"


class InsightsVersion(models.Model):
    """How often what a team's insights rest on has changed: whoever keeps them for a while asks this first."""

    team = models.OneToOneField(Team, on_delete=models.CASCADE, primary_key=True, related_name="+")
    number = models.BigIntegerField(default=0)

    class Meta:
        db_table = "insights_versions"

    def __str__(self) -> str:
        return f"{self.team_id}: {self.number}"
