from django.db import models

from experiments.models.experiment import Experiment


class ExperimentSnapshot(models.Model):
    """One analysis as it was at its time, so that the path of an estimate can be drawn. Append-only."""

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule"
        REQUEST = "request", "somebody asked for the results"
        PHASE = "phase", "the weights were changed"
        COMPLETION = "completion"
        CANCELLATION = "cancellation"

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="snapshots", db_index=False)
    phase = models.IntegerField()
    taken_at = models.DateTimeField()
    requests = models.BigIntegerField()
    units = models.BigIntegerField()
    analysis = models.JSONField(help_text="As experiments.domain.result.Analysis.as_json gives it.")
    is_final = models.BooleanField()
    trigger = models.CharField(max_length=12, choices=Trigger.choices)

    class Meta:
        db_table = "experiment_snapshots"
        ordering = ("-id",)
        indexes = (models.Index(fields=("experiment", "phase", "taken_at"), name="experiment_snapshot_path"),)

    def __str__(self) -> str:
        return f"{self.experiment_id} {self.taken_at:%Y-%m-%d %H:%M}"
