from django.db import models
from django.db.models import Q

from accounts.models import Team


class PredictorModel(models.Model):
    """A trained predictor of quality: arrays in NumPy's archive format, loaded without pickle.

    ``sha256`` is of ``content``; a predictor whose content no longer has it is not loaded.
    """

    sha256 = models.CharField(max_length=64, unique=True)
    content = models.BinaryField()
    summary = models.JSONField(help_text="What it was trained on and how well it predicted what it had not seen.")
    trained_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.sha256[:12]


class PolicyVersion(models.Model):
    """One immutable routing policy; its number is what a decision names.

    ``document`` holds the table and the parameters (``routing.domain.policy`` reads it). Only ``state`` ever changes,
    through ``routing.services.policies``. A policy without a team is shared by all teams that do not learn alone.
    """

    class State(models.TextChoices):
        CANDIDATE = "candidate"
        ON_TRIAL = "on_trial", "on trial (in an experiment, or waiting for one)"
        ACTIVE = "active"
        RETIRED = "retired"
        REJECTED = "rejected"

    class Source(models.TextChoices):
        RETRAINING = "retraining", "retraining of the pattern table"
        PREDICTOR = "predictor", "training of the predictor"
        STAFF = "staff", "change by staff"

    version = models.AutoField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    source = models.CharField(max_length=16, choices=Source.choices)
    document = models.JSONField()
    predictor = models.ForeignKey(PredictorModel, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    content_hash = models.CharField(max_length=64, help_text="SHA-256 of the document and the predictor's hash.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.CANDIDATE)
    note = models.CharField(max_length=500, blank=True)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "routing_policies"
        ordering = ("-version",)
        constraints = (
            models.UniqueConstraint(
                fields=("team",), condition=Q(state="active", team__isnull=False), name="policy_one_active_per_team"
            ),
            models.UniqueConstraint(
                fields=("state",), condition=Q(state="active", team__isnull=True), name="policy_one_active_shared"
            ),
        )
        indexes = (models.Index(fields=("team", "state", "-version"), name="policy_team_state"),)

    def __str__(self) -> str:
        return f"policy {self.version}"


class PolicyActivation(models.Model):
    """When a policy began to route, what it took over from, who decided and why. Append-only."""

    class Kind(models.TextChoices):
        RETRAINING = "retraining"
        PROMOTION = "promotion"
        ROLLBACK = "rollback"
        STAFF = "staff"
        WITHDRAWAL = "withdrawal", "withdrawal (back to the complexity strategy)"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    policy = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, null=True, related_name="activations")
    replaced = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, null=True, related_name="+")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    actor = models.CharField(max_length=150)
    reason = models.CharField(max_length=500)
    activated_at = models.DateTimeField()

    class Meta:
        ordering = ("-activated_at", "-id")

    def __str__(self) -> str:
        return f"{self.policy_id} {self.activated_at:%Y-%m-%d %H:%M}"


class PromptEmbedding(models.Model):
    """The numeric summary of one routed prompt, from which routing learns. It counts as personal data.

    ``vector`` is little-endian float16: the embedding, then the surface features, as ``encoder`` names them.
    ``expires_at`` is days away by default and is moved to the end of the training window when the request is rated.
    """

    request_id = models.UUIDField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    encoder = models.CharField(max_length=32)
    vector = models.BinaryField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.request_id)
