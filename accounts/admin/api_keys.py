from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.admin.base import ConfigurationAdmin, ReadOnlyAdmin
from accounts.admin.confirmation import Change, ConfirmedActions
from accounts.models import ApiKey, ApiKeyUsage, RateLimitWindow
from accounts.services import api_keys


class ApiKeyForm(forms.ModelForm[ApiKey]):
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in sorted(api_keys.SCOPES)],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text='"admin" opens the control routes; without it a key serves completions and its own team\'s figures.',
    )

    class Meta:
        model = ApiKey
        fields = ("team", "name", "scopes", "requests_per_minute", "expires_at")


@admin.register(ApiKey)
class ApiKeyAdmin(ConfirmedActions, ConfigurationAdmin):
    form = ApiKeyForm
    list_display = ("prefix", "name", "team", "state", "scopes", "requests_per_minute", "last_used_at", "expires_at")
    list_filter = ("team", ("revoked_at", admin.EmptyFieldListFilter), "expires_at")
    list_select_related = ("team", "usage")
    search_fields = ("prefix", "name", "team__slug")
    date_hierarchy = "created_at"
    autocomplete_fields = ("team",)
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        settings = ("team", "name", "scopes", "requests_per_minute", "expires_at")
        return settings if obj is None else ("prefix", *settings, "created_at", "revoked_at", "last_used_at")

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return () if obj is None else ("prefix", "team", "created_at", "revoked_at", "last_used_at")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        issued = api_keys.issue(
            team=obj.team,
            name=obj.name,
            scopes=obj.scopes,
            requests_per_minute=obj.requests_per_minute,
            expires_at=obj.expires_at,
        )
        # The page goes on with the row that the service made.
        obj.__dict__.update(issued.api_key.__dict__)
        self.message_user(
            request,
            f"The new key is {issued.secret} (copy it now: it is not stored and will not be shown again).",
            messages.WARNING,
        )

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        # Rows of the ledger name their key; a key that is done is revoked.
        return False

    @action(description="Revoke selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        def end(api_key: ApiKey, actor: str, reason: str) -> None:
            api_keys.revoke(api_key, timezone.now())

        return self.confirmed(
            request,
            queryset.filter(revoked_at=None),
            Change(
                name="revoke",
                button="Revoke",
                effects=lambda keys: [
                    "Whoever calls with one of these keys is refused within a second. A revoked key never comes back."
                ],
                do=end,
                done="The selected keys are revoked, effective within a second.",
            ),
        )

    @display(description="state", label={"active": "success", "expired": "warning", "revoked": "danger"})
    def state(self, api_key: ApiKey) -> str:
        if api_key.revoked_at:
            return "revoked"
        has_expired = api_key.expires_at is not None and api_key.expires_at <= timezone.now()
        return "expired" if has_expired else "active"

    @admin.display(description="last used")
    def last_used_at(self, api_key: ApiKey) -> Any:
        usage = getattr(api_key, "usage", None)
        return usage and usage.last_used_at


@admin.register(ApiKeyUsage)
class ApiKeyUsageAdmin(ReadOnlyAdmin):
    list_display = ("api_key", "last_used_at")
    list_select_related = ("api_key",)
    search_fields = ("api_key__prefix", "api_key__name")
    date_hierarchy = "last_used_at"


@admin.register(RateLimitWindow)
class RateLimitWindowAdmin(ReadOnlyAdmin):
    list_display = ("api_key_id", "window_start", "request_count")
    search_fields = ("api_key_id__exact",)
    # Nearly the order of their time, which has no index of its own.
    ordering = ("-id",)
    sortable_by = ()
