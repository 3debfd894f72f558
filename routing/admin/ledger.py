import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from accounts.admin.base import BoundedPaginator, ReadOnlyAdmin, dollars
from routing.models import GatewayInstance, LedgerEntry, StoredPrompt

_AMOUNTS = ("cost", "baseline_cost", "savings", "reserved", "reference_cost")


class PeriodFilter(admin.SimpleListFilter):
    """Shows the last day unless asked for more, so that opening the page never sorts the whole ledger."""

    title = "period"
    parameter_name = "period"
    _periods = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return (("hour", "Last hour"), ("day", "Last day"), ("week", "Last 7 days"), ("all", "All"))

    def choices(self, changelist: Any) -> Any:
        for value, title in self.lookup_choices:
            yield {
                "selected": (self.value() or "day") == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": title,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        age = self._periods.get(self.value() or "day")
        if age is None or request.GET.get("q"):
            return queryset
        return queryset.filter(created_at__gte=timezone.now() - age)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
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
    search_fields = ("request_id",)
    search_help_text = "A whole request id."
    exclude = tuple(f"{name}_nano_usd" for name in _AMOUNTS)
    readonly_fields = _AMOUNTS
    # Sorting by another column would sort all rows of the period.
    sortable_by = ("created_at",)
    ordering = ("-created_at",)
    show_full_result_count = False
    paginator = BoundedPaginator

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LedgerEntry], search_term: str
    ) -> tuple[QuerySet[LedgerEntry], bool]:
        if not search_term:
            return queryset, False
        try:
            return queryset.filter(pk=uuid.UUID(search_term.strip())), False
        except ValueError:
            return queryset.none(), False

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
class StoredPromptAdmin(ReadOnlyAdmin):
    list_display = ("request_id", "team", "created_at", "expires_at")
    list_filter = ("team", "expires_at")
    list_select_related = ("team",)
    exclude = ("encrypted_body",)
    ordering = ("-expires_at",)
    show_full_result_count = False
    paginator = BoundedPaginator


@admin.register(GatewayInstance)
class GatewayInstanceAdmin(ReadOnlyAdmin):
    list_display = ("id", "host", "pid", "version", "started_at", "lease_expires_at")
    list_filter = ("version",)
    search_fields = ("host",)
    date_hierarchy = "started_at"
    ordering = ("-started_at",)
