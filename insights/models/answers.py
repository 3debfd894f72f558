from django.db import models
from django.db.models import Q

from accounts.models import Team
from insights.models.reviews import Finding


class SuggestionFeedback(models.Model):
    """What a team said to one suggestion. Append-only: the newest answer to a finding is the one that counts.

    What is learned from is copied as it was when the team answered: the finding itself is kept up to date.
    """

    class Verdict(models.TextChoices):
        ACCEPTED = "accepted"
        REJECTED = "rejected"
        IGNORED = "ignored"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    finding = models.ForeignKey(Finding, on_delete=models.CASCADE, related_name="answers", db_index=False)
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    reason = models.CharField(max_length=1000, blank=True)
    actor = models.CharField(max_length=150)
    created_at = models.DateTimeField()
    is_applied = models.BooleanField(default=False, help_text="The suggestion's action was to be taken at once.")
    finding_type = models.CharField(max_length=40)
    category = models.CharField(max_length=16, choices=Finding.Category.choices)
    severity = models.CharField(max_length=8, choices=Finding.Severity.choices)
    confidence = models.FloatField()
    has_action = models.BooleanField()
    idempotency_hash = models.CharField(max_length=64, null=True, help_text="Keyed hash of the Idempotency-Key.")
    body_hash = models.CharField(max_length=64, null=True, help_text="Keyed hash of what came with that key.")

    class Meta:
        db_table = "suggestion_feedback"
        verbose_name_plural = "suggestion feedback"
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(confidence__range=(0.0, 1.0)), name="suggestion_feedback_confidence_is_a_share"
            ),
            models.UniqueConstraint(
                fields=("team", "idempotency_hash"),
                condition=Q(idempotency_hash__isnull=False),
                name="suggestion_feedback_idempotent",
            ),
        )
        indexes = (
            models.Index(fields=("finding", "-id"), name="suggestion_feedback_newest"),
            models.Index(fields=("team", "-created_at"), name="suggestion_feedback_team_time"),
        )

    def __str__(self) -> str:
        return f"{self.finding_id}: {self.verdict}"


class AppliedAction(models.Model):
    """A change the product made because a suggestion was accepted, how to undo it, and what it has saved since.

    ``undo`` holds what takes it back, ``baseline`` the traffic before it, to compare with.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    finding = models.ForeignKey(Finding, on_delete=models.CASCADE, related_name="applied", db_index=False)
    kind = models.CharField(max_length=40)
    parameters = models.JSONField()
    undo = models.JSONField(default=dict, help_text="What takes it back.")
    applied_at = models.DateTimeField()
    applied_by = models.CharField(max_length=150)
    reverted_at = models.DateTimeField(null=True)
    reverted_by = models.CharField(max_length=150, blank=True)
    revert_reason = models.CharField(max_length=1000, blank=True)
    baseline = models.JSONField(default=dict, help_text="Requests and cost before it, of what it changes and the rest.")
    realized_nano_usd = models.BigIntegerField(null=True, help_text="Saved since; negative for a loss, null unknown.")
    is_compared = models.BooleanField(default=False, help_text="Measured against traffic it did not change.")
    assumption = models.CharField(max_length=500, blank=True)
    measured_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "applied_actions"
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("finding",), condition=Q(reverted_at__isnull=True), name="applied_action_once_in_force"
            ),
        )
        indexes = (
            models.Index(fields=("team", "-applied_at"), name="applied_action_team_time"),
            models.Index(fields=("finding", "-id"), name="applied_action_finding"),
        )

    def __str__(self) -> str:
        return f"{self.kind} for {self.finding_id}"
