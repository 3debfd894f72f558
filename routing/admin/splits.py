from django.contrib import admin
from unfold.decorators import display

from accounts.admin.base import ReadOnlyAdmin
from routing.domain import traffic_split
from routing.models import Exposure, TrafficSplit


@admin.register(TrafficSplit)
class TrafficSplitAdmin(ReadOnlyAdmin):
    """What routing knows of experiments; they are started and ended where they are kept."""

    list_display = ("experiment_id", "team", "labelled_state", "shown_arms", "unit", "traffic_percent", "phase")
    list_filter = ("is_running", "team")
    list_select_related = ("team",)
    ordering = ("-experiment_id",)

    @display(description="state", ordering="is_running", label={"running": "success", "ended": "info"})
    def labelled_state(self, split: TrafficSplit) -> str:
        return "running" if split.is_running else "ended"

    @admin.display(description="arms")
    def shown_arms(self, split: TrafficSplit) -> str:
        arms = traffic_split.parse(split.arms)
        return ", ".join(f"{arm.name} {arm.weight:.0%}: {arm.rule}" for arm in arms)


@admin.register(Exposure)
class ExposureAdmin(ReadOnlyAdmin):
    list_display = ("experiment_id", "phase", "arm", "short_unit", "exposed_at")
    ordering = ("-id",)
    sortable_by = ()

    @admin.display(description="unit", ordering="unit")
    def short_unit(self, exposure: Exposure) -> str:
        return exposure.unit[:12]
