from django.contrib import admin
from django.http import HttpRequest

from accounts.admin.base import ConfigurationAdmin, ReadOnlyAdmin
from accounts.models import ConfigVersion, Team


@admin.register(Team)
class TeamAdmin(ConfigurationAdmin):
    list_display = (
        "slug",
        "name",
        "is_active",
        "baseline_model",
        "cache_ttl_seconds",
        "prompt_retention_days",
        "min_quality",
        "upgrade_limit_percent",
        "keeps_embeddings",
        "learns_alone",
        "created_at",
    )
    list_filter = ("is_active", "keeps_embeddings", "learns_alone")
    search_fields = ("slug", "name", "external_ref")
    date_hierarchy = "created_at"
    readonly_fields = ("created_at",)

    def has_delete_permission(self, request: HttpRequest, obj: Team | None = None) -> bool:
        # The ledger belongs to the team; a team that is done is made inactive.
        return False


@admin.register(ConfigVersion)
class ConfigVersionAdmin(ReadOnlyAdmin):
    list_display = ("version", "changed_at")
