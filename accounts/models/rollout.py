from django.db import models
from django.db.models import Q

from accounts.domain.rollout import LAST_PHASE


class RolloutPhase(models.Model):
    """A phase that a rollout has been in; the one without an end is where it stands.

    ``features`` are those that only the teams of the phase have. ``reach`` is the bound of the teams' places, fixed
    when the phase begins. ``criteria`` are as they were measured when it ended.
    """

    class Outcome(models.TextChoices):
        ADVANCED = "advanced"
        OVERRIDDEN = "overridden", "advanced although criteria did not hold"
        ROLLED_BACK = "rolled_back", "rolled back"

    number = models.PositiveSmallIntegerField(help_text="0 (rolled back to nobody) to 4 (all teams).")
    features = models.JSONField()
    reach = models.FloatField()
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=150)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=150, blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, blank=True)
    reason = models.CharField(max_length=500, blank=True, help_text="Why it was overridden or rolled back.")
    confirmations = models.JSONField(default=dict, blank=True, help_text="What people confirmed, by whom and when.")
    issues_found = models.JSONField(default=list, blank=True, help_text="What went wrong in it, by whom and when.")
    criteria = models.JSONField(default=list, blank=True)

    class Meta:
        db_table = "rollout_phases"
        ordering = ("-started_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("outcome",), condition=Q(ended_at__isnull=True), name="rollout_phase_one_at_a_time"
            ),
            models.CheckConstraint(condition=Q(number__lte=LAST_PHASE), name="rollout_phase_number"),
            models.CheckConstraint(condition=Q(reach__gte=0.0) & Q(reach__lte=1.0), name="rollout_phase_reach"),
            models.CheckConstraint(
                condition=(Q(ended_at__isnull=True) & Q(outcome="")) | (Q(ended_at__isnull=False) & ~Q(outcome="")),
                name="rollout_phase_ends_with_an_outcome",
            ),
        )

    def __str__(self) -> str:
        return f"phase {self.number}"
