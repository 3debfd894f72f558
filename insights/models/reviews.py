from django.db import models
from django.db.models import F, Q

from accounts.models import Team


class Review(models.Model):
    """One look at a team's traffic: of which days, what it saw, and what became of the team's findings.

    The constraint is the lock: one review for each team that waits or runs.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "queued, for a worker"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule"
        API = "api", "REST API"
        ADMIN = "admin"
        COMMAND = "command", "command line"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    trigger = models.CharField(max_length=10, choices=Trigger.choices)
    actor = models.CharField(max_length=150)
    state = models.CharField(max_length=10, choices=State.choices)
    starts_on = models.DateField(help_text="First day of the window, UTC.")
    ends_before = models.DateField(help_text="Day after the window's last, UTC.")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    requests = models.BigIntegerField(default=0, help_text="Requests of the window that real models served.")
    cost_nano_usd = models.BigIntegerField(default=0)
    new_findings = models.IntegerField(default=0)
    again_findings = models.IntegerField(default=0, help_text="Known before, and they still hold.")
    resolved_findings = models.IntegerField(default=0, help_text="Known before, and they hold no longer.")
    expired_findings = models.IntegerField(default=0, help_text="Last seen too long ago to say.")
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "reviews"
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("team",), condition=Q(state__in=("queued", "running")), name="review_one_open_per_team"
            ),
            models.CheckConstraint(condition=Q(ends_before__gt=F("starts_on")), name="review_window_has_a_day"),
        )
        indexes = (
            models.Index(fields=("team", "-id"), name="review_team"),
            models.Index(fields=("team", "-ends_before"), condition=Q(state="succeeded"), name="review_newest"),
        )

    def __str__(self) -> str:
        return f"{self.starts_on} to {self.ends_before}"


class Finding(models.Model):
    """Something a team should look at, from the review that raised it to the one that no longer sees it.

    While it lives, each review that sees it again brings its evidence up to date. Answered, it stays answered as long
    as it holds. One that is resolved or expired is over: should the same come back, it is raised anew.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        ACCEPTED = "accepted"
        REJECTED = "rejected"
        IGNORED = "ignored"
        RESOLVED = "resolved", "resolved (no longer so)"
        EXPIRED = "expired", "expired (not seen for long)"

    LIVE = (Status.OPEN, Status.ACCEPTED, Status.REJECTED, Status.IGNORED)

    class Category(models.TextChoices):
        COST = "cost"
        QUALITY = "quality"
        PERFORMANCE = "performance"
        RELIABILITY = "reliability"
        CACHING = "caching"
        EXPERIMENTATION = "experimentation"

    class Severity(models.TextChoices):
        CRITICAL = "critical"
        HIGH = "high"
        MEDIUM = "medium"
        LOW = "low"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    review = models.ForeignKey(
        Review, on_delete=models.SET_NULL, null=True, related_name="raised", help_text="The one that raised it."
    )
    last_review = models.ForeignKey(
        Review, on_delete=models.SET_NULL, null=True, related_name="seen", help_text="The last one that saw it."
    )
    fingerprint = models.CharField(max_length=32, help_text="The same whenever the same is found.")
    finding_type = models.CharField(max_length=40)
    category = models.CharField(max_length=16, choices=Category.choices)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    title = models.CharField(max_length=300)
    subject = models.JSONField(help_text="What it is about: the same from one review to the next.")
    evidence = models.JSONField(help_text="Figures of the window last reviewed.")
    suggestion = models.TextField()
    action = models.JSONField(null=True, help_text="What the product can do by itself: kind and parameters.")
    confidence = models.FloatField(help_text="How sure the detector is, in [0, 1], before calibration.")
    estimated_monthly_savings_nano_usd = models.BigIntegerField(null=True)
    assumption = models.CharField(max_length=500, help_text="What the saving takes for granted.")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    created_at = models.DateTimeField(help_text="When it was raised.")
    last_seen_on = models.DateField(help_text="Day after the last of the window it was last seen in.")
    answered_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True, help_text="When it was resolved or expired.")

    class Meta:
        db_table = "findings"
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("team", "fingerprint"),
                condition=Q(status__in=("open", "accepted", "rejected", "ignored")),
                name="finding_lives_once",
            ),
            models.CheckConstraint(condition=Q(confidence__range=(0.0, 1.0)), name="finding_confidence_is_a_share"),
            models.CheckConstraint(
                condition=Q(status__in=("resolved", "expired"), closed_at__isnull=False)
                | (~Q(status__in=("resolved", "expired")) & Q(closed_at__isnull=True)),
                name="finding_closed_when_over",
            ),
        )
        indexes = (
            models.Index(fields=("team", "status", "-id"), name="finding_team_status"),
            models.Index(fields=("team", "-id"), name="finding_team"),
            models.Index(fields=("team", "finding_type", "-id"), name="finding_team_type"),
            models.Index(fields=("team", "created_at"), name="finding_team_time"),
            models.Index(fields=("category", "severity", "-created_at"), name="finding_category_severity"),
            models.Index(fields=("-created_at",), name="finding_time"),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def is_live(self) -> bool:
        """Whether it still holds, as far as is known."""
        return self.status in self.LIVE
