"""The rows of any list of the admin as CSV: what is filtered and selected, in the columns that the list shows."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import label_for_field, lookup_field
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from accounts.admin import spreadsheet
from accounts.services import replica

# Rows that are in memory at a time.
_FETCHED = 500


@admin.action(description="Download selected rows as CSV", permissions=["view"])
def export_csv(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> StreamingHttpResponse:
    """Send the columns that the list shows to who asks, of at most ``spreadsheet.MOST_ROWS`` rows."""
    shown = [name for name in model_admin.get_list_display(request) if name != "action_checkbox"]
    columns = [str(label_for_field(name, model_admin.model, model_admin)) for name in shown]
    related = model_admin.get_list_select_related(request)
    rows = queryset.select_related(*related) if isinstance(related, list | tuple) and related else queryset
    filename = f"{model_admin.opts.model_name}-{timezone.now():%Y-%m-%d-%H%M}.csv"
    return spreadsheet.response(request, filename, columns, _values(model_admin, rows[: spreadsheet.MOST_ROWS], shown))


def _values(model_admin: Any, rows: QuerySet[Any], shown: list[str]) -> Iterator[list[Any]]:
    for row in replica.rows(lambda: rows.iterator(chunk_size=_FETCHED)):
        yield [_value(model_admin, row, name) for name in shown]


def _value(model_admin: Any, row: Any, name: str) -> Any:
    try:
        field, _, value = lookup_field(name, row, model_admin)
    except ObjectDoesNotExist:
        return None
    # A foreign key is what it is called, as in the list.
    return str(value) if field is not None and field.is_relation and value is not None else value


admin.site.add_action(export_csv)
