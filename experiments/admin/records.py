from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin, ReplicaList, RequestIdSearch, dollars
from experiments.models import ExperimentNotice, ExperimentResult, ExperimentSnapshot


@admin.register(ExperimentNotice)
class ExperimentNoticeAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "experiment", "kind", "message")
    list_filter = ("kind",)
    list_select_related = ("experiment",)
    search_fields = ("message", "experiment__name")
    date_hierarchy = "created_at"


@admin.register(ExperimentResult)
class ExperimentResultAdmin(ReplicaList, RequestIdSearch, ReadOnlyAdmin):
    list_display = (
        "created_at",
        "experiment",
        "arm",
        "cost",
        "latency_ms",
        "is_success",
        "is_fallback",
        "quality_score",
    )
    list_filter = ("experiment",)
    list_select_related = ("experiment",)
    exclude = ("cost_nano_usd", "reference_cost_nano_usd")
    readonly_fields = ("cost", "reference_cost")
    # Ids of requests begin with their time, and have the only index over all rows.
    ordering = ("-request_id",)
    sortable_by = ()

    @admin.display(description="cost")
    def cost(self, result: ExperimentResult) -> str:
        return dollars(result.cost_nano_usd)

    @admin.display(description="expected cost at the baseline model")
    def reference_cost(self, result: ExperimentResult) -> str:
        return dollars(result.reference_cost_nano_usd)


@admin.register(ExperimentSnapshot)
class ExperimentSnapshotAdmin(ReadOnlyAdmin):
    list_display = ("taken_at", "experiment", "phase", "requests", "units", "trigger", "is_final")
    list_filter = ("trigger", "is_final")
    list_select_related = ("experiment",)
    search_fields = ("experiment__name",)
    date_hierarchy = "taken_at"
