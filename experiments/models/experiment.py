from django.db import models
from django.db.models import Q

from accounts.models import Team
from routing.models import PolicyVersion


class Experiment(models.Model):
    """Two or more ways to route, compared on live traffic.

    What is compared and how it is judged is settled at creation. ``arms`` is a list of objects with name, weight,
    strategy and policy_version, the control first; changed weights start a new ``phase``, and the analysis with it.
    The decision fields repeat the newest analysis. An experiment without a team takes the traffic of all teams.
    """

    class Status(models.TextChoices):
        RUNNING = "running"
        COMPLETED = "completed"
        CANCELLED = "cancelled"

    class Unit(models.TextChoices):
        USER = "user"
        SESSION = "session"
        REQUEST = "request"

    class OnWinner(models.TextChoices):
        REPORT = "report", "report it"
        PROMOTE = "promote", "let the winner route"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True, related_name="+", db_index=False)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.RUNNING)
    control_strategy = models.CharField(max_length=64, help_text="As it was given, such as complexity or policy:12.")
    test_strategy = models.CharField(max_length=64)
    arms = models.JSONField()
    unit = models.CharField(max_length=8, choices=Unit.choices, default=Unit.USER)
    traffic_percent = models.FloatField(default=0.0, help_text="Share of the traffic that joins by itself, in percent.")
    namespace = models.CharField(max_length=64, blank=True, help_text="Experiments of one namespace share no unit.")
    phase = models.IntegerField(default=1)
    is_trial = models.BooleanField(default=False, help_text="Started by itself, to try a policy version.")

    sample_size = models.BigIntegerField(null=True, help_text="Planned requests of all arms together.")
    mode = models.CharField(max_length=16, blank=True, help_text="Empty: by whether there is a sample size.")
    alpha = models.FloatField(default=0.05)
    power = models.FloatField(default=0.8)
    min_effect = models.FloatField(default=0.1, help_text="Smallest reduction of cost worth finding, as a share.")
    tau = models.FloatField(null=True)
    denominator = models.CharField(max_length=16, default="reference_cost")
    guardrails = models.JSONField(default=list, help_text="Objects with metric and margin.")
    minima = models.JSONField(default=dict, help_text="Requests, units, effective_units and hours needed to judge.")
    requirements = models.JSONField(default=list, help_text="What each metric asked for, as told at creation.")
    on_winner = models.CharField(max_length=7, choices=OnWinner.choices, default=OnWinner.REPORT)

    created_by = models.CharField(max_length=150)
    started_at = models.DateTimeField()
    phase_started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=150, blank=True)
    end_reason = models.CharField(max_length=500, blank=True)

    winner = models.CharField(max_length=32, null=True, help_text="Name of the arm.")
    decision_status = models.CharField(max_length=20, blank=True, help_text="Row of the decision table.")
    reason_code = models.CharField(max_length=40, blank=True)
    explanation = models.TextField(blank=True)
    promoted_policy = models.ForeignKey(PolicyVersion, on_delete=models.SET_NULL, null=True, related_name="+")
    collected_at = models.DateTimeField(null=True, help_text="When results were last copied from the ledger.")
    analyzed_at = models.DateTimeField(null=True)
    analyses = models.IntegerField(default=0, help_text="How many there were: of two at once, one notices the other.")
    last_analysis = models.JSONField(null=True, help_text="The newest analysis of this phase.")
    analysis_state = models.JSONField(null=True, help_text="What the next analysis must know of those before.")

    class Meta:
        db_table = "experiments"
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(condition=Q(traffic_percent__range=(0.0, 100.0)), name="experiment_traffic_percent"),
            models.CheckConstraint(
                condition=Q(sample_size__isnull=True) | Q(sample_size__gt=0), name="experiment_sample_size_positive"
            ),
            models.CheckConstraint(
                condition=Q(status="running", ended_at__isnull=True)
                | (~Q(status="running") & Q(ended_at__isnull=False)),
                name="experiment_ended_unless_running",
            ),
        )
        indexes = (
            models.Index(fields=("team", "-id"), name="experiment_team"),
            models.Index(fields=("id",), condition=Q(status="running"), name="experiment_running"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def is_running(self) -> bool:
        """Whether requests may still join."""
        return self.status == self.Status.RUNNING
