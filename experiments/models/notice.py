from django.db import models

from experiments.models.experiment import Experiment


class ExperimentNotice(models.Model):
    """Something about an experiment that people should know. Append-only."""

    class Kind(models.TextChoices):
        COMPLETED = "completed"
        PROMOTED = "promoted", "the winner routes now"
        NOT_PROMOTED = "not_promoted", "the winner could not be let route"
        CANCELLED = "cancelled"
        TRIAL_STARTED = "trial_started", "a policy version is tried"

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    message = models.CharField(max_length=1000)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "experiment_notices"
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.message
