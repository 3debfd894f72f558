"""What the admin pages of all apps share."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin

from accounts.services import config_version

NANO_USD_PER_USD = 1_000_000_000
COUNTED_ROWS = 10_000


class ConfigurationAdmin(ModelAdmin):
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


class ReadOnlyAdmin(ModelAdmin):
    """Pages of what only the product writes: staff look and change nothing."""

    actions: Sequence[str] | None = None

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class BoundedPaginator(Paginator[Any]):
    """Counts to ten thousand and no further: counting a ledger of millions would cost more than showing its page."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by()[: COUNTED_ROWS + 1].count()


def dollars(nano_usd: int | None) -> str:
    """Return an amount of nano-dollars as people read it; None is unknown, never free."""
    if nano_usd is None:
        return "unknown"
    amount = Decimal(nano_usd) / NANO_USD_PER_USD
    sign = "-" if amount < 0 else ""
    whole, _, fraction = f"{abs(amount):f}".partition(".")
    return f"{sign}${int(whole):,}.{fraction.rstrip('0').ljust(2, '0')}"
