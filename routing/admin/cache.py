from django.contrib import admin

from accounts.admin.base import BoundedPaginator, ReadOnlyAdmin, dollars
from routing.models import CachedResponse, IdempotencyClaim


@admin.register(CachedResponse)
class CachedResponseAdmin(ReadOnlyAdmin):
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
    list_filter = ("team", "is_stream", "expires_at")
    list_select_related = ("team",)
    search_fields = ("key__startswith", "served_model")
    exclude = ("encrypted_body", "original_cost_nano_usd")
    readonly_fields = ("original_cost",)
    ordering = ("-expires_at",)
    show_full_result_count = False
    paginator = BoundedPaginator

    @admin.display(description="key", ordering="key")
    def short_key(self, response: CachedResponse) -> str:
        return str(response)

    @admin.display(description="original cost", ordering="original_cost_nano_usd")
    def original_cost(self, response: CachedResponse) -> str:
        return dollars(response.original_cost_nano_usd)


@admin.register(IdempotencyClaim)
class IdempotencyClaimAdmin(ReadOnlyAdmin):
    list_display = ("request_id", "team", "state", "status", "created_at", "expires_at")
    list_filter = ("state", "team", "expires_at")
    list_select_related = ("team",)
    search_fields = ("key_hash__startswith",)
    exclude = ("encrypted_body",)
    ordering = ("-expires_at",)
    show_full_result_count = False
    paginator = BoundedPaginator
