from django.db import models

from accounts.models import Team


class CachedResponse(models.Model):
    """An answer kept for reuse by the same team, encrypted, for at most a day."""

    key = models.CharField(max_length=64, primary_key=True, help_text="Keyed hash over team, model and request.")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    source_request_id = models.UUIDField(db_index=True)
    provider = models.CharField(max_length=64)
    served_model = models.CharField(max_length=200)
    is_stream = models.BooleanField()
    encrypted_body = models.BinaryField()
    usage = models.JSONField()
    original_cost_nano_usd = models.BigIntegerField(null=True)
    hit_count = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "response_cache"

    def __str__(self) -> str:
        return self.key[:12]


class IdempotencyClaim(models.Model):
    """One Idempotency-Key of a team: who works on it, or the answer that was given, encrypted, for a day."""

    class State(models.TextChoices):
        IN_FLIGHT = "in_flight"
        ANSWERED = "answered"
        UNKNOWN = "unknown", "unknown (the process that worked on it ended)"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    key_hash = models.CharField(max_length=64)
    body_hash = models.CharField(max_length=64)
    request_id = models.UUIDField(db_index=True)
    state = models.CharField(max_length=10, choices=State.choices)
    status = models.SmallIntegerField(null=True)
    headers = models.JSONField(null=True)
    encrypted_body = models.BinaryField(null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("team", "key_hash"), name="idempotency_claim_unique"),)

    def __str__(self) -> str:
        return f"{self.team_id} {self.key_hash[:12]}"
