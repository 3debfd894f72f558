from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from unfold.decorators import display

from accounts.admin.base import ReadOnlyAdmin


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    """What staff did in the admin: who, when, to what, and why."""

    list_display = ("action_time", "user", "labelled_action", "content_type", "object_link", "change")
    list_filter = ("action_flag", "action_time")
    list_select_related = ("user", "content_type")
    search_fields = ("user__username__exact",)
    search_help_text = "A whole user name."
    # Rows are written in the order of their time, and time has no index.
    ordering = ("-id",)
    sortable_by = ()
    fields = ("action_time", "user", "content_type", "object_repr", "change")
    readonly_fields = fields

    @display(description="what", label={"added": "success", "changed": "info", "deleted": "danger"})
    def labelled_action(self, entry: LogEntry) -> str:
        return "added" if entry.is_addition() else "deleted" if entry.is_deletion() else "changed"

    @admin.display(description="which")
    def object_link(self, entry: LogEntry) -> str:
        try:
            address = _address(entry.content_type, entry.object_id)
        except NoReverseMatch:
            return entry.object_repr
        return format_html('<a href="{}">{}</a>', address, entry.object_repr)

    @admin.display(description="change and reason")
    def change(self, entry: LogEntry) -> str:
        return entry.get_change_message()


def _address(content_type: ContentType | None, object_id: str | None) -> str:
    if content_type is None or not object_id:
        raise NoReverseMatch
    return reverse(f"admin:{content_type.app_label}_{content_type.model}_change", args=(object_id,))
