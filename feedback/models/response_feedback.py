from django.db import models
from django.db.models import Q

from accounts.models import ApiKey, Team


class ResponseFeedback(models.Model):
    """One rating of one answer, as it was given; every one is kept, learning counts some of them.

    A rating whose ``request_id`` is not a request of the same team is kept with ``linked`` false and no copies of a
    request; it is linked should that request appear later, and never learned from before.
    """

    class Source(models.TextChoices):
        API_KEY = "api_key", "API key"
        TOKEN = "token", "signed token of the request"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    api_key = models.ForeignKey(ApiKey, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    source = models.CharField(max_length=10, choices=Source.choices)
    request_id = models.CharField(max_length=200, help_text="As the caller gave it.")
    created_at = models.DateTimeField()
    quality_score = models.SmallIntegerField(help_text="Stars, 1 to 5.")
    is_correct = models.BooleanField(null=True)
    is_helpful = models.BooleanField(null=True)
    metrics = models.JSONField(default=dict, help_text="Values the client measured, such as test_passed.")
    reward = models.FloatField(help_text="What is learned from, in [0, 1].")
    comment = models.CharField(max_length=1000, blank=True)
    user_id = models.CharField(max_length=200, null=True)
    session_id = models.CharField(max_length=200, null=True)
    idempotency_hash = models.CharField(max_length=64, null=True, help_text="Keyed hash of the Idempotency-Key.")
    body_hash = models.CharField(max_length=64, null=True, help_text="Keyed hash of what came with that key.")
    linked = models.BooleanField()
    # Copied from the request, so that learning reads one table; null while unlinked.
    ledger_request_id = models.UUIDField(null=True)
    requested_at = models.DateTimeField(null=True)
    pattern = models.CharField(max_length=16, null=True)
    task = models.CharField(max_length=64, null=True)
    provider = models.CharField(max_length=64, null=True)
    served_model = models.CharField(max_length=200, null=True)
    strategy = models.CharField(max_length=32, null=True)
    policy_version = models.IntegerField(null=True)
    complexity_score = models.FloatField(null=True)
    propensity = models.FloatField(null=True)
    cost_nano_usd = models.BigIntegerField(null=True)
    is_cache_hit = models.BooleanField(null=True)
    is_fallback = models.BooleanField(null=True)
    experiment_id = models.BigIntegerField(null=True)

    class Meta:
        db_table = "response_feedback"
        verbose_name_plural = "response feedback"
        ordering = ("-created_at", "-id")
        constraints = (
            models.CheckConstraint(condition=Q(quality_score__range=(1, 5)), name="feedback_score_is_1_to_5"),
            models.CheckConstraint(condition=Q(reward__range=(0.0, 1.0)), name="feedback_reward_is_a_share"),
            models.CheckConstraint(
                condition=Q(linked=False) | Q(ledger_request_id__isnull=False), name="feedback_link_names_its_request"
            ),
            models.UniqueConstraint(
                fields=("team", "idempotency_hash"),
                condition=Q(idempotency_hash__isnull=False),
                name="feedback_idempotent_per_team",
            ),
        )
        indexes = (
            models.Index(fields=("team", "-created_at"), name="feedback_team_time"),
            models.Index(fields=("pattern", "provider", "served_model", "created_at"), name="feedback_group_time"),
            models.Index(fields=("served_model", "created_at"), name="feedback_model_time"),
            models.Index(fields=("created_at",), name="feedback_time"),
            models.Index(fields=("ledger_request_id", "user_id"), name="feedback_request_user"),
            models.Index(fields=("team", "request_id"), condition=Q(linked=False), name="feedback_unlinked"),
            models.Index(
                fields=("experiment_id", "created_at"),
                condition=Q(experiment_id__isnull=False),
                name="feedback_experiment",
            ),
        )

    def __str__(self) -> str:
        return f"{self.request_id}: {self.quality_score}"
