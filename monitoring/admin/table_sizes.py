from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin
from monitoring.models import TableSize


@admin.register(TableSize)
class TableSizeAdmin(ReadOnlyAdmin):
    """How large each table was, day by day; the page about the database shows how they have grown."""

    list_display = ("day", "table", "rows", "bytes")
    search_fields = ("table__exact",)
    search_help_text = "The whole name of a table."
    sortable_by = ()
