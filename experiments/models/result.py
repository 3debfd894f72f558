from django.db import models
from django.db.models import Q

from experiments.models.experiment import Experiment


class ExperimentResult(models.Model):
    """What came of one request of an experiment, copied from its ledger row once that is closed.

    The rating is the newest of its request, and may come long after. Null means that it is unknown, never zero.
    """

    request_id = models.UUIDField(primary_key=True)
    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="results", db_index=False)
    phase = models.IntegerField()
    arm = models.CharField(max_length=32)
    unit = models.CharField(max_length=64, help_text="Keyed hash of the user, session or request.")
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField()
    cost_nano_usd = models.BigIntegerField(null=True)
    reference_cost_nano_usd = models.BigIntegerField(
        null=True, help_text="What the prompt was expected to cost at the baseline model."
    )
    latency_ms = models.IntegerField(null=True)
    first_token_ms = models.IntegerField(null=True)
    is_success = models.BooleanField()
    is_fallback = models.BooleanField()
    feedback_id = models.BigIntegerField(null=True, help_text="The rating that the next three are copied from.")
    quality_score = models.SmallIntegerField(null=True, help_text="Stars, 1 to 5.")
    is_correct = models.BooleanField(null=True)
    reward = models.FloatField(null=True, help_text="In [0, 1].")

    class Meta:
        db_table = "experiment_results"
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(
                condition=Q(quality_score__isnull=True) | Q(quality_score__range=(1, 5)),
                name="experiment_result_score_is_1_to_5",
            ),
        )
        indexes = (models.Index(fields=("experiment", "phase", "arm", "unit"), name="experiment_result_unit"),)

    def __str__(self) -> str:
        return f"{self.experiment_id} {self.arm}: {self.request_id}"
