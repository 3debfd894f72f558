from django.contrib import admin
from unfold.decorators import display

from accounts.admin.base import PeriodFilter, ReadOnlyAdmin, ReplicaList, RequestIdSearch, UnreadColumns, dollars
from routing.models import GatewayInstance, LedgerEntry, StoredPrompt

_AMOUNTS = ("cost", "baseline_cost", "savings", "reserved", "reference_cost")


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReplicaList, RequestIdSearch, ReadOnlyAdmin):
    list_display = (
        "request_id",
        "created_at",
        "team",
        "labelled_state",
        "requested_model",
        "provider",
        "served_model",
        "strategy",
        "pattern",
        "input_tokens",
        "output_tokens",
        *_AMOUNTS[:3],
        "latency_ms",
        "is_cache_hit",
        "is_simulated",
    )
    list_filter = (
        PeriodFilter,
        "state",
        "team",
        "is_fallback",
        "is_cache_hit",
        "is_estimated",
        "is_unpriced",
        "is_simulated",
        "is_embedded",
    )
    list_select_related = ("team",)
    list_per_page = 50
    exclude = tuple(f"{name}_nano_usd" for name in _AMOUNTS)
    readonly_fields = _AMOUNTS
    # Ids of requests begin with their time, and no other column has an index that a page could be read from.
    ordering = ("-request_id",)
    sortable_by = ()

    @display(
        description="state",
        label={
            LedgerEntry.State.PENDING: "info",
            LedgerEntry.State.SETTLED: "success",
            LedgerEntry.State.FAILED: "danger",
            LedgerEntry.State.PARTIAL: "warning",
            LedgerEntry.State.ORPHANED: "warning",
        },
    )
    def labelled_state(self, entry: LedgerEntry) -> str:
        return entry.state

    @admin.display(description="cost")
    def cost(self, entry: LedgerEntry) -> str:
        return dollars(entry.cost_nano_usd)

    @admin.display(description="baseline cost")
    def baseline_cost(self, entry: LedgerEntry) -> str:
        return dollars(entry.baseline_cost_nano_usd)

    @admin.display(description="savings")
    def savings(self, entry: LedgerEntry) -> str:
        return dollars(entry.savings_nano_usd)

    @admin.display(description="reserved")
    def reserved(self, entry: LedgerEntry) -> str:
        return dollars(entry.reserved_nano_usd)

    @admin.display(description="reference cost")
    def reference_cost(self, entry: LedgerEntry) -> str:
        return dollars(entry.reference_cost_nano_usd)


@admin.register(StoredPrompt)
class StoredPromptAdmin(UnreadColumns, RequestIdSearch, ReadOnlyAdmin):
    list_display = ("request_id", "team", "created_at", "expires_at")
    list_filter = ("expires_at",)
    list_select_related = ("team",)
    exclude = unread = ("encrypted_body",)
    ordering = ("-expires_at",)
    sortable_by = ("expires_at",)


@admin.register(GatewayInstance)
class GatewayInstanceAdmin(ReadOnlyAdmin):
    list_display = ("id", "host", "pid", "version", "started_at", "lease_expires_at")
    list_filter = ("version",)
    search_fields = ("host",)
    date_hierarchy = "started_at"
    ordering = ("-started_at",)
