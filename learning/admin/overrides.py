from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action, display

from accounts.admin.base import ReadOnlyAdmin, dollars
from accounts.admin.confirmation import Change, ConfirmedActions
from learning.models import LearningOverride
from learning.selectors import overrides as selectors
from learning.services import overrides
from learning.services.overrides import OverrideNotChangeable
from routing.domain.policy import InvalidPolicy
from routing.services import database_clock

Status = LearningOverride.Status


@admin.register(LearningOverride)
class LearningOverrideAdmin(ConfirmedActions, ReadOnlyAdmin):
    """Which model each pattern is sent to and was; the actions change it after a page that shows the effect."""

    actions = ("activate", "revoke")
    list_display = (
        "pattern",
        "full_name",
        "scope",
        "labelled_status",
        "confidence",
        "sample_count",
        "avg_quality",
        "correctness_rate",
        "cost",
        "reason",
        "created_at",
    )
    list_filter = ("status", "pattern", "confidence", "team")
    list_select_related = ("team",)
    search_fields = ("provider", "model", "reason", "revoked_reason")
    date_hierarchy = "created_at"
    exclude = ("avg_cost_nano_usd",)
    readonly_fields = ("cost",)

    def has_steer_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("learning.change_learningoverride"))

    @action(description="Route the pattern of the selected override by it", permissions=["steer"])
    def activate(self, request: HttpRequest, queryset: QuerySet[LearningOverride]) -> HttpResponse | None:
        return self._change(request, queryset, "activate")

    @action(description="Revoke the selected override", permissions=["steer"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[LearningOverride]) -> HttpResponse | None:
        return self._change(request, queryset, "revoke")

    def _change(self, request: HttpRequest, queryset: QuerySet[LearningOverride], name: str) -> HttpResponse | None:
        def steer(row: LearningOverride, actor: str, reason: str) -> None:
            change = overrides.activate if name == "activate" else overrides.revoke
            change(row, actor=actor, reason=reason, now=database_clock.now())

        change = Change(
            name=name,
            button=name.capitalize(),
            effects=lambda rows: _effects(rows[0], name),
            do=steer,
            done="Done: a new policy routes within a second.",
            refusals=(OverrideNotChangeable, InvalidPolicy),
            is_single=True,
        )
        return self.confirmed(request, queryset.select_related("team"), change)

    @admin.display(description="model", ordering="model")
    def full_name(self, row: LearningOverride) -> str:
        return f"{row.provider}/{row.model}"

    @admin.display(description="of", ordering="team")
    def scope(self, row: LearningOverride) -> str:
        return "all that share" if row.team is None else row.team.slug

    @admin.display(description="cost of a request", ordering="avg_cost_nano_usd")
    def cost(self, row: LearningOverride) -> str:
        return dollars(row.avg_cost_nano_usd)

    @display(description="status", ordering="status", label={Status.ACTIVE: "success", Status.REVOKED: "danger"})
    def labelled_status(self, row: LearningOverride) -> str:
        return row.status


def _effects(row: LearningOverride, name: str) -> list[str]:
    standing = selectors.in_force(row.team).get(row.pattern)
    now = standing.full_name if standing else "the model that its complexity asks for"
    then = f"{row.provider}/{row.model}" if name == "activate" else "the model that its complexity asks for"
    lines = [
        f"Now a {row.pattern} prompt goes to {now}.",
        f"Then it goes to {then}, in a new policy version; every process follows within a second.",
        f"When it was last judged, {row.provider}/{row.model} had {row.avg_quality:.2f} stars from {row.sample_count} "
        f"ratings, and a request cost {dollars(row.avg_cost_nano_usd)}.",
    ]
    if name == "revoke":
        lines.append("Retrainings leave this model alone on this pattern until it is activated here.")
    else:
        lines.append("The next retraining judges it like any other, and revokes it if its ratings are poor.")
    return lines
