from django.db import models
from django.db.models import F, Q

from accounts.models.api_key import ApiKey
from accounts.models.team import Team


class Budget(models.Model):
    """A spending limit of a team, or of one key, per calendar day or month in UTC.

    A hard budget refuses what would pass it; a soft one only reports.
    """

    class Period(models.TextChoices):
        DAY = "day"
        MONTH = "month"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="budgets")
    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, null=True, blank=True, related_name="budgets")
    period = models.CharField(max_length=8, choices=Period.choices)
    limit_nano_usd = models.BigIntegerField()
    is_hard = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("team", "period", "id")
        constraints = (
            models.CheckConstraint(condition=Q(limit_nano_usd__gte=0), name="budget_limit_not_negative"),
            models.UniqueConstraint(
                fields=("team", "period", "is_hard"),
                condition=Q(api_key__isnull=True),
                name="budget_one_per_team_period",
            ),
            models.UniqueConstraint(
                fields=("api_key", "period", "is_hard"),
                condition=Q(api_key__isnull=False),
                name="budget_one_per_key_period",
            ),
        )

    def __str__(self) -> str:
        return f"{self.team_id} {self.period} {'hard' if self.is_hard else 'soft'}"


class BudgetPeriod(models.Model):
    """What one budget has spent and reserved in one calendar period.

    ``overrun_nano_usd`` is what went past the limit for a stated reason (an answer dearer than its reservation, a
    limit lowered under what was spent, a soft budget), so that the constraint holds without hiding anything.
    """

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="periods")
    period_start = models.DateField()
    limit_nano_usd = models.BigIntegerField()
    spent_nano_usd = models.BigIntegerField(default=0)
    reserved_nano_usd = models.BigIntegerField(default=0)
    overrun_nano_usd = models.BigIntegerField(default=0)

    class Meta:
        ordering = ("budget", "-period_start")
        constraints = (
            models.UniqueConstraint(fields=("budget", "period_start"), name="budget_period_unique"),
            models.CheckConstraint(
                condition=Q(spent_nano_usd__lte=F("limit_nano_usd") + F("overrun_nano_usd") - F("reserved_nano_usd")),
                name="budget_period_within_limit",
            ),
            models.CheckConstraint(condition=Q(reserved_nano_usd__gte=0), name="budget_period_reserved_not_negative"),
            models.CheckConstraint(condition=Q(spent_nano_usd__gte=0), name="budget_period_spent_not_negative"),
        )

    def __str__(self) -> str:
        return f"{self.budget_id} {self.period_start}"
