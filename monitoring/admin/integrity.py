from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin
from monitoring.models import IntegrityCheck


@admin.register(IntegrityCheck)
class IntegrityCheckAdmin(ReadOnlyAdmin):
    """Whether stored figures agree with each other, and with what is computed anew."""

    list_display = ("checked_at", "kind", "pass_rate", "failures", "duration_ms")
    list_filter = ("kind",)
    date_hierarchy = "checked_at"

    @admin.display(description="what failed")
    def failures(self, check: IntegrityCheck) -> str:
        return ", ".join(result["name"] for result in check.results if not result["passed"]) or "-"
