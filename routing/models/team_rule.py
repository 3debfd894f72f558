from django.db import models
from django.db.models import Q

from accounts.models import Team
from routing.domain import team_rules


class TeamRule(models.Model):
    """What a team has decided about its routed requests. Never changed: another rule takes its place."""

    class Kind(models.TextChoices):
        ROUTE_PATTERN = team_rules.Kind.ROUTE_PATTERN.value, "route a pattern to a model"
        EXCLUDE_MODEL = team_rules.Kind.EXCLUDE_MODEL.value, "leave a model out"
        CAP_MAX_TOKENS = team_rules.Kind.CAP_MAX_TOKENS.value, "cap max_tokens"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    pattern = models.CharField(max_length=16, blank=True, help_text="Empty for all patterns.")
    model = models.CharField(max_length=270, blank=True, help_text="As provider/name; a cap without one is for all.")
    max_tokens = models.PositiveIntegerField(null=True, blank=True, help_text="Of a cap: the most output it allows.")
    reason = models.CharField(max_length=500, blank=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("team", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("team", "pattern"), condition=Q(kind="route_pattern"), name="team_rule_one_model_a_pattern"
            ),
            models.UniqueConstraint(
                fields=("team", "kind", "pattern", "model"),
                condition=~Q(kind="route_pattern"),
                name="team_rule_once",
            ),
            models.CheckConstraint(
                condition=Q(kind="cap_max_tokens", max_tokens__gte=1)
                | (Q(kind="exclude_model", max_tokens__isnull=True) & ~Q(model=""))
                | (Q(kind="route_pattern", max_tokens__isnull=True) & ~Q(model="") & ~Q(pattern="")),
                name="team_rule_has_its_parts",
            ),
        )

    def __str__(self) -> str:
        parts = (self.get_kind_display(), self.pattern, self.model, str(self.max_tokens or ""))
        return " ".join(part for part in parts if part)
