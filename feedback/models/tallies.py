from typing import ClassVar

from django.db import models

from accounts.models import Team
from routing.models import ChangeMark


class ChangedFeedbackDay(ChangeMark):
    """A UTC day of ratings whose tallies are missing or out of date: its ratings are counted one by one."""

    # Ratings come on many short connections; without a bound there would be as many marks as ratings.
    MARKS_PER_PERIOD: ClassVar[int] = 16


class FeedbackTally(models.Model):
    """The ratings that a team gave on one UTC day to one model's answers to one pattern, added up."""

    starts_at = models.DateTimeField(help_text="Midnight UTC at which the day began.")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    linked = models.BooleanField()
    pattern = models.CharField(max_length=16, null=True)
    provider = models.CharField(max_length=64, null=True)
    served_model = models.CharField(max_length=200, null=True)
    count = models.BigIntegerField()
    stars = models.BigIntegerField()
    judged = models.BigIntegerField(help_text="Ratings that say whether the answer is correct.")
    correct = models.BigIntegerField()

    class Meta:
        indexes = (
            models.Index(fields=("team", "starts_at"), name="feedback_tally_team"),
            models.Index(fields=("starts_at",), name="feedback_tally_time"),
        )

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d} {self.served_model}"
