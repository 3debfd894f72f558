"""What the admin pages of all apps share."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.contrib.admin import ShowFacets
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.template.response import SimpleTemplateResponse
from django.utils import timezone
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin

from accounts.admin.spreadsheet import Amount
from accounts.services import config_version, replica

NANO_USD_PER_USD = 1_000_000_000
COUNTED_ROWS = 10_000


class BoundedPaginator(Paginator[Any]):
    """Counts to ten thousand and no further: counting a ledger of millions would cost more than showing its page."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by()[: COUNTED_ROWS + 1].count()


class BoundedAdmin(ModelAdmin):
    """Lists that cost the same however many rows there are, as far as the page's own filters do."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER


class ConfigurationAdmin(BoundedAdmin):
    """Pages of what the gateway decides from: every change is announced to the web processes as it is committed."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        config_version.bump()

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        super().delete_model(request, obj)
        config_version.bump()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        super().delete_queryset(request, queryset)
        config_version.bump()


class ReadOnlyAdmin(BoundedAdmin):
    """Pages of what only the product writes: staff look and change nothing."""

    actions: Sequence[Any] = ()

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReplicaList(ModelAdmin):
    """Lists of large tables, read from the replica of the database where there is one; their pages are not."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        def answer() -> Any:
            found = super(ReplicaList, self).changelist_view(request, extra_context)
            # Its rows are read as it is rendered.
            return found.render() if isinstance(found, SimpleTemplateResponse) else found

        return replica.read(answer) if request.method == "GET" else answer()


class UnreadColumns(ModelAdmin):
    """Leaves columns in the database that no page shows: encrypted bodies, and models of megabytes."""

    unread: Sequence[str] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.defer(*self.unread)


class RequestIdSearch(ModelAdmin):
    """Finds rows by a whole request id, which is what an index knows of them."""

    search_fields = ("request_id",)
    search_help_text = "A whole request id."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = as_uuid(term)
        return (queryset.none() if wanted is None else queryset.filter(request_id=wanted)), False


class PeriodFilter(admin.SimpleListFilter):
    """Shows the newest rows unless asked for more, so that no page sorts or filters all of a large table.

    All rows are shown only while nothing else is asked for, in the order that the table is read in anyway. An address
    that bounds the field itself (``created_at__gte=2026-03-01``) has its way.
    """

    title = "period"
    parameter_name = "period"
    field = "created_at"
    default = "day"
    widest = "week"
    _periods = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        kept = (("hour", "Last hour"), ("day", "Last day"), ("week", "Last 7 days"))
        return kept if self._is_filtered(request) else (*kept, ("all", "All"))

    def choices(self, changelist: Any) -> Any:
        for value, title in self.lookup_choices:
            yield {
                "selected": self._chosen == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": title,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        has_own_bounds = any(name.startswith(f"{self.field}__") for name in request.GET)
        if has_own_bounds or as_uuid(request.GET.get("q", "")) is not None:
            return queryset
        age = self._periods.get(self._chosen)
        if age is None and self._is_filtered(request):
            age = self._periods[self.widest]
        return queryset if age is None else queryset.filter(**{f"{self.field}__gte": timezone.now() - age})

    @property
    def _chosen(self) -> str:
        value = self.value()
        return value if value in self._periods or value == "all" else self.default

    def _is_filtered(self, request: HttpRequest) -> bool:
        return bool(set(request.GET) - {self.parameter_name, "p", "o", "e"})


def as_uuid(text: str) -> uuid.UUID | None:
    """Return the id that a text is, None when it is none."""
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        return None


def dollars(nano_usd: int | None) -> str:
    """Return an amount of nano-dollars as people read it; None is unknown, never free."""
    if nano_usd is None:
        return "unknown"
    amount = Decimal(nano_usd) / NANO_USD_PER_USD
    sign = "-" if amount < 0 else ""
    whole, _, fraction = f"{abs(amount):f}".partition(".")
    return Amount(f"{sign}${int(whole):,}.{fraction.rstrip('0').ljust(2, '0')}", amount)
