from django.db import models
from django.db.models import F, Q

from accounts.models import Team


class TrafficSplit(models.Model):
    """How requests are divided between the arms of one experiment: all that routing knows of it.

    ``arms`` is a list of objects with name, weight, strategy and policy_version, of which one is null; the first is
    the control. A split without a team takes the requests of all teams. A change of weights starts a new ``phase``.
    """

    class Unit(models.TextChoices):
        USER = "user"
        SESSION = "session"
        REQUEST = "request"

    experiment_id = models.BigIntegerField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    is_running = models.BooleanField()
    unit = models.CharField(max_length=8, choices=Unit.choices, help_text="What is put into an arm as a whole.")
    arms = models.JSONField()
    traffic_percent = models.FloatField(help_text="Share of the units of `auto` that join without asking, in percent.")
    namespace = models.CharField(max_length=64, blank=True, help_text="Splits of one namespace share no such unit.")
    namespace_start = models.FloatField(default=0.0, help_text="The part of the namespace that is this split's.")
    namespace_end = models.FloatField(default=1.0)
    phase = models.SmallIntegerField(default=1)
    hash_version = models.SmallIntegerField(default=2)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(traffic_percent__gte=0) & Q(traffic_percent__lte=100), name="split_traffic_percent"
            ),
            models.CheckConstraint(
                condition=Q(namespace_start__gte=0)
                & Q(namespace_start__lte=F("namespace_end"))
                & Q(namespace_end__lte=1),
                name="split_namespace_range",
            ),
            models.CheckConstraint(condition=Q(phase__gte=1), name="split_phase"),
            models.CheckConstraint(condition=Q(hash_version=2), name="split_hash_version"),
        )
        indexes = (models.Index(fields=("namespace",), condition=Q(is_running=True), name="split_running"),)

    def __str__(self) -> str:
        return f"experiment {self.experiment_id}"


class Exposure(models.Model):
    """The arm in which a user or session was first served in a phase of an experiment. Append-only.

    Where each request is a unit of its own, its ledger row says all there is to know, and nothing is kept here.
    """

    experiment_id = models.BigIntegerField()
    phase = models.SmallIntegerField()
    unit = models.CharField(max_length=64, help_text="Keyed hash of the team and its user or session.")
    arm = models.CharField(max_length=32)
    exposed_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("experiment_id", "phase", "unit"), name="exposure_once"),)

    def __str__(self) -> str:
        return f"{self.experiment_id}: {self.arm}"
