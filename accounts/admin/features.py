"""Lists of what is set about features, of every switch, and of rollout phases; pages of their own change them."""

from django.contrib import admin
from unfold.decorators import display

from accounts.admin.base import ReadOnlyAdmin
from accounts.models import FeatureChange, FeatureGate, RolloutPhase


class _Switched(ReadOnlyAdmin):
    list_before_template = "admin/accounts/features_intro.html"


@admin.register(FeatureGate)
class FeatureGateAdmin(_Switched):
    list_display = ("feature", "team", "labelled_state", "reason", "changed_by", "changed_at")
    list_filter = ("feature", "is_enabled", "team")
    list_select_related = ("team",)

    @display(description="state", ordering="is_enabled", label={"on": "success", "off": "danger"})
    def labelled_state(self, gate: FeatureGate) -> str:
        return "on" if gate.is_enabled else "off"


@admin.register(FeatureChange)
class FeatureChangeAdmin(_Switched):
    list_display = ("changed_at", "feature", "kind", "whom", "reason", "changed_by")
    list_filter = ("feature", "kind", "changed_at")
    search_fields = ("team_slug", "reason", "changed_by")

    @admin.display(description="team", ordering="team_slug")
    def whom(self, change: FeatureChange) -> str:
        return change.team_slug or "everybody"


@admin.register(RolloutPhase)
class RolloutPhaseAdmin(ReadOnlyAdmin):
    list_display = ("started_at", "number", "governed", "started_by", "ended_at", "outcome", "reason", "issues")
    list_filter = ("number", "outcome", "started_at")
    list_before_template = "admin/accounts/rollout_intro.html"

    @admin.display(description="features")
    def governed(self, phase: RolloutPhase) -> str:
        return ", ".join(phase.features)

    @admin.display(description="issues found")
    def issues(self, phase: RolloutPhase) -> int:
        return len(phase.issues_found)
