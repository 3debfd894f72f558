from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.models import Team


class ChangeMark(models.Model):
    """Says that rows of a period have changed since the period was last rolled up.

    It is written in the transaction that changes the rows. Each connection has marks of its own, so that writers never
    wait for one another, and ``change`` is another after every change, so that whoever has added the period up
    can take back exactly the marks of what was seen.
    """

    # Of two connections whose numbers are alike in this many marks, one waits for the other's transaction.
    MARKS_PER_PERIOD: ClassVar[int] = 2**31

    period = models.DateTimeField(help_text="Start of the period, in UTC.")
    writer = models.IntegerField(help_text="PostgreSQL's number of the connection; 0 on SQLite.")
    change = models.BigIntegerField()

    class Meta:
        abstract = True
        constraints = (models.UniqueConstraint(fields=("period", "writer"), name="%(app_label)s_%(class)s_unique"),)

    def __str__(self) -> str:
        return f"{self.period:%Y-%m-%d %H:%M}"


class ChangedHour(ChangeMark):
    """An hour of the ledger whose roll-up is missing or out of date: its rows are read from the ledger itself."""


class UsageBucket(models.Model):
    """The requests of one hour or day added up, as a whole and by their labels; of a team or, without one, of all.

    A day is the sum of its hours. The texts are JSON: one row for each label would take ten times the room.
    """

    class Span(models.TextChoices):
        HOUR = "hour"
        DAY = "day"

    span = models.CharField(max_length=4, choices=Span.choices)
    starts_at = models.DateTimeField()
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    figures = models.TextField(help_text="By dimension: a list of labels and figures, in the order of Traffic.")
    latencies = models.TextField(help_text="Requests answered in full, counted by bucket of latency.")
    latencies_by_label = models.TextField(help_text="By dimension: a list of labels and such counts.")

    class Meta:
        # Unique, and what every report is found by.
        constraints = (
            models.UniqueConstraint(
                fields=("team", "span", "starts_at"), condition=Q(team__isnull=False), name="usage_bucket_of_team"
            ),
            models.UniqueConstraint(
                fields=("span", "starts_at"), condition=Q(team__isnull=True), name="usage_bucket_of_all"
            ),
        )
        # What replaces the buckets of a period finds them by it.
        indexes = (models.Index(fields=("span", "starts_at"), name="usage_bucket_time"),)

    def __str__(self) -> str:
        return f"{self.span} {self.starts_at:%Y-%m-%d %H:%M}"
