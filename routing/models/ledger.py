from django.db import models
from django.db.models import Q

from accounts.models import ApiKey, Team


class GatewayInstance(models.Model):
    """A running gateway process and how long it may be believed alive."""

    id = models.UUIDField(primary_key=True)
    host = models.CharField(max_length=200)
    pid = models.IntegerField()
    version = models.CharField(max_length=40)
    started_at = models.DateTimeField()
    lease_expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class LedgerEntry(models.Model):
    """One completion: decided, reserved and written before the provider is called, settled after.

    Money is in whole nano-dollars; a cost of null is unknown, never free. ``attempts`` lists every exchange with a
    provider in order, each with its id, model, state, tokens, reservation and cost.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        SETTLED = "settled"
        FAILED = "failed"
        PARTIAL = "partial", "partial (broken off while streaming)"
        ORPHANED = "orphaned", "orphaned (closed by the reconciler)"

    request_id = models.UUIDField(primary_key=True)
    instance_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=State.choices)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+", db_index=False)
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False, db_constraint=False
    )
    endpoint = models.CharField(max_length=10)
    is_stream = models.BooleanField()
    requested_model = models.CharField(max_length=200)
    strategy = models.CharField(max_length=32)
    policy_version = models.IntegerField(null=True)
    pattern = models.CharField(max_length=16)
    complexity_score = models.FloatField()
    complexity_tier = models.CharField(max_length=10)
    confidence = models.CharField(max_length=10, null=True)
    propensity = models.FloatField()
    reasoning = models.CharField(max_length=500)
    candidates = models.JSONField(help_text="Models considered, with expected cost and quality.")
    task = models.CharField(max_length=64, null=True)
    min_quality = models.FloatField(null=True, help_text="Least expected quality that the request wanted, in [0, 1].")
    user_id = models.CharField(max_length=200, null=True)
    session_id = models.CharField(max_length=200, null=True)
    max_tokens = models.IntegerField(
        null=True, help_text="Limit on the tokens of one answer: the caller's, or a smaller one of a team's rule."
    )
    experiment_id = models.BigIntegerField(null=True)
    experiment_arm = models.CharField(max_length=32, null=True)
    experiment_phase = models.SmallIntegerField(null=True)
    reference_cost_nano_usd = models.BigIntegerField(
        null=True, help_text="Expected cost of the prompt with the baseline model, before anything was decided."
    )
    prompt_fingerprint = models.CharField(max_length=64, help_text="Keyed hash of the normalized messages.")
    provider = models.CharField(max_length=64, null=True, help_text="Of the attempt that served, else the last one.")
    served_model = models.CharField(max_length=200, null=True)
    price_snapshot = models.JSONField(null=True, help_text="Rates the cost was computed with.")
    baseline_model = models.CharField(max_length=200, null=True)
    baseline_price_snapshot = models.JSONField(null=True)
    attempts = models.JSONField()
    attempt_count = models.SmallIntegerField()
    is_fallback = models.BooleanField()
    is_cache_hit = models.BooleanField()
    is_simulated = models.BooleanField(help_text="Served by a simulated model; outside every savings claim.")
    is_embedded = models.BooleanField(help_text="Served by a model that runs beside the product.")
    is_estimated = models.BooleanField(help_text="Tokens or cost are our estimate, not the provider's figure.")
    is_unpriced = models.BooleanField(help_text="Served by a model without a price; its cost is unknown.")
    client_disconnected = models.BooleanField()
    flags = models.JSONField(help_text="What was repaired or unusual, as short words.")
    input_tokens = models.BigIntegerField(null=True)
    output_tokens = models.BigIntegerField(null=True)
    cached_input_tokens = models.BigIntegerField(null=True)
    cache_write_tokens = models.BigIntegerField(null=True)
    reasoning_tokens = models.BigIntegerField(null=True)
    reserved_nano_usd = models.BigIntegerField()
    budget_period_ids = models.JSONField()
    cost_nano_usd = models.BigIntegerField(null=True)
    baseline_cost_nano_usd = models.BigIntegerField(null=True)
    savings_nano_usd = models.BigIntegerField(null=True)
    latency_ms = models.IntegerField(null=True)
    first_token_ms = models.IntegerField(null=True)
    overhead_ms = models.FloatField(null=True)
    http_status = models.SmallIntegerField(null=True)
    finish_reason = models.CharField(max_length=40, null=True)
    error_code = models.CharField(max_length=64, null=True)
    error_message = models.CharField(max_length=500, null=True)

    class Meta:
        db_table = "routing_metrics"
        verbose_name_plural = "ledger entries"
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(condition=Q(propensity__gt=0) & Q(propensity__lte=1), name="ledger_propensity"),
            models.CheckConstraint(
                condition=Q(cost_nano_usd__isnull=True) | Q(cost_nano_usd__gte=0), name="ledger_cost_not_negative"
            ),
            models.CheckConstraint(condition=Q(reserved_nano_usd__gte=0), name="ledger_reserved_not_negative"),
            models.CheckConstraint(
                condition=Q(complexity_score__gte=0) & Q(complexity_score__lte=1), name="ledger_complexity_range"
            ),
        )
        indexes = (
            models.Index(fields=("team", "created_at"), name="ledger_team_time"),
            models.Index(fields=("instance_id",), condition=Q(state="pending"), name="ledger_pending"),
            models.Index(
                fields=("experiment_id", "created_at"),
                condition=Q(experiment_id__isnull=False),
                name="ledger_experiment",
            ),
        )

    def __str__(self) -> str:
        return str(self.request_id)


class StoredPrompt(models.Model):
    """Prompt and answer of one request, encrypted, for teams that asked to keep them."""

    request_id = models.UUIDField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    encrypted_body = models.BinaryField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.request_id)
