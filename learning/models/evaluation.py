from django.db import models

from routing.models import PolicyVersion


class PolicyEvaluation(models.Model):
    """A candidate policy scored on logged decisions, and what was decided from that. Append-only.

    ``verdict`` and ``reasons`` follow from ``estimates``, ``overlap`` and ``facts`` alone (``learning.domain.
    promotion_gate``), unless ``decided_by`` names a person, who gives the reason.
    """

    class Verdict(models.TextChoices):
        PROMOTED = "promoted"
        EXPERIMENT = "experiment", "ready for an experiment"
        HELD = "held", "held: the evidence does not say enough"
        REJECTED = "rejected"

    candidate = models.ForeignKey(PolicyVersion, on_delete=models.CASCADE, related_name="evaluations")
    compared_with = models.ForeignKey(PolicyVersion, on_delete=models.SET_NULL, null=True, related_name="+")
    evaluated_at = models.DateTimeField()
    window_start = models.DateTimeField()
    window_end = models.DateTimeField()
    decisions = models.IntegerField(help_text="Logged decisions with an outcome.")
    estimates = models.JSONField(help_text="Quality and cost of both policies, by estimator, with intervals.")
    overlap = models.JSONField(help_text="Effective sample size and the spread of the weights.")
    facts = models.JSONField(default=dict, help_text="What else the gate went by.")
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    reasons = models.JSONField(help_text="Every condition of the gate, whether it held, and in words.")

    decided_by = models.CharField(max_length=150, blank=True, help_text="Empty where the gate decided.")

    class Meta:
        ordering = ("-evaluated_at",)

    def __str__(self) -> str:
        return f"{self.candidate_id}: {self.verdict}"
