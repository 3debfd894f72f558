from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin, RequestIdSearch, UnreadColumns, dollars
from routing.models import CachedResponse, IdempotencyClaim


@admin.register(CachedResponse)
class CachedResponseAdmin(UnreadColumns, ReadOnlyAdmin):
    list_display = (
        "short_key",
        "team",
        "provider",
        "served_model",
        "is_stream",
        "hit_count",
        "original_cost",
        "created_at",
        "expires_at",
    )
    list_filter = ("expires_at",)
    list_select_related = ("team",)
    search_fields = ("key__startswith",)
    search_help_text = "How a key begins."
    exclude = ("encrypted_body", "original_cost_nano_usd")
    unread = ("encrypted_body",)
    readonly_fields = ("original_cost",)
    ordering = ("-expires_at",)
    sortable_by = ("expires_at",)

    @admin.display(description="key", ordering="key")
    def short_key(self, response: CachedResponse) -> str:
        return str(response)

    @admin.display(description="original cost", ordering="original_cost_nano_usd")
    def original_cost(self, response: CachedResponse) -> str:
        return dollars(response.original_cost_nano_usd)


@admin.register(IdempotencyClaim)
class IdempotencyClaimAdmin(UnreadColumns, RequestIdSearch, ReadOnlyAdmin):
    list_display = ("request_id", "team", "state", "status", "created_at", "expires_at")
    list_filter = ("expires_at",)
    list_select_related = ("team",)
    exclude = unread = ("encrypted_body",)
    ordering = ("-expires_at",)
    sortable_by = ("expires_at",)
