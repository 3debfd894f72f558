from django.db import models
from django.db.models import Q

from accounts.models import ApiKey, Team
from routing.models import PredictorModel


class EvaluationSet(models.Model):
    """Prompts with the quality and cost that several models had on each: where learning starts warm."""

    class Source(models.TextChoices):
        IMPORT = "import"
        CALIBRATION = "calibration"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=200)
    source = models.CharField(max_length=12, choices=Source.choices)
    content_hash = models.CharField(
        max_length=64, null=True, help_text="SHA-256 of the team and the imported content; null until all of it is in."
    )
    prompt_count = models.IntegerField(default=0)
    outcome_count = models.IntegerField(default=0)
    is_enabled = models.BooleanField(default=True, help_text="Whether predictors are trained on it.")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("content_hash",), condition=Q(content_hash__isnull=False), name="evaluation_set_imported_once"
            ),
        )

    def __str__(self) -> str:
        return self.name


class EvaluationOutcome(models.Model):
    """How one model did on one prompt of a set; the prompt's text is kept encrypted."""

    evaluation_set = models.ForeignKey(EvaluationSet, on_delete=models.CASCADE, related_name="outcomes")
    prompt_hash = models.CharField(max_length=64, help_text="Keyed hash of the text.")
    encrypted_prompt = models.BinaryField()
    task = models.CharField(max_length=64, null=True)
    model = models.CharField(max_length=200, help_text="As provider/name where it is known here, else as given.")
    quality = models.FloatField()
    cost_nano_usd = models.BigIntegerField(null=True)
    output_tokens = models.IntegerField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("evaluation_set", "prompt_hash", "model"), name="evaluation_outcome_once_per_prompt_and_model"
            ),
            models.CheckConstraint(condition=Q(quality__range=(0.0, 1.0)), name="evaluation_quality_is_a_share"),
        )

    def __str__(self) -> str:
        return f"{self.model}: {self.quality:g}"


class Calibration(models.Model):
    """A replay of a team's own kept prompts through several models, within a budget somebody confirmed.

    It goes on where it stopped: what is done is what its evaluation set holds.
    """

    class State(models.TextChoices):
        PLANNED = "planned", "planned: waits for its budget to be confirmed"
        RUNNING = "running"
        PAUSED = "paused"
        COMPLETED = "completed"
        STOPPED = "stopped", "stopped: its budget is spent"
        CANCELLED = "cancelled"

    class Grader(models.TextChoices):
        REFERENCE = "reference", "reference answers"
        HTTP = "http", "the team's own grader over HTTP"
        JUDGE = "judge", "a judge model"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    api_key = models.ForeignKey(ApiKey, on_delete=models.SET_NULL, null=True, related_name="+")
    evaluation_set = models.OneToOneField(EvaluationSet, on_delete=models.CASCADE, related_name="calibration")
    state = models.CharField(max_length=10, choices=State.choices)
    model_names = models.JSONField(help_text="As provider/name.")
    request_ids = models.JSONField(help_text="Requests whose prompts are replayed.")
    grader = models.CharField(max_length=10, choices=Grader.choices)
    grader_settings = models.JSONField(default=dict, help_text="URL of the grader, or name of the judge.")
    max_output_tokens = models.IntegerField(default=1000, help_text="Longest answer that a model may give.")
    budget_nano_usd = models.BigIntegerField()
    estimated_nano_usd = models.BigIntegerField()
    spent_nano_usd = models.BigIntegerField(default=0)
    failures = models.JSONField(default=list)
    judge_agreement = models.JSONField(null=True, help_text="How often a judge agreed with itself or with references.")
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    worked_on_until = models.DateTimeField(null=True, help_text="While this lies ahead, a command works on it.")
    predictor = models.ForeignKey(PredictorModel, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ("-created_at",)
        constraints = (models.CheckConstraint(condition=Q(budget_nano_usd__gt=0), name="calibration_budget_positive"),)

    def __str__(self) -> str:
        return f"{self.team_id} {self.created_at:%Y-%m-%d %H:%M}"
