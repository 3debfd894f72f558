from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.admin import TabularInline
from unfold.decorators import action, display

from accounts.admin.base import ConfigurationAdmin
from accounts.admin.confirmation import Change, ConfirmedActions
from routing.admin.forms import LanguageModelForm, ProviderForm
from routing.models import LanguageModel, ModelPrice, Provider
from routing.services import prices, providers

_SHIPPED_FIELDS = ("slug", "name", "kind", "base_url", "needs_key")
_PAUSED = "No new request goes to them; requests under way end as they would."
_RESUMED = "New requests may go to their models within a second."
_DEADLINES = ("connect_seconds", "first_token_seconds", "between_tokens_seconds", "total_seconds")


@admin.register(Provider)
class ProviderAdmin(ConfirmedActions, ConfigurationAdmin):
    form = ProviderForm
    list_display = ("slug", "name", "kind", "base_url", "labelled_state", "is_builtin", "is_embedded", "priority")
    list_filter = ("kind", "is_enabled", "is_builtin", "is_embedded")
    search_fields = ("slug", "name", "base_url")
    actions = ("pause", "resume")

    def get_fieldsets(self, request: HttpRequest, obj: Provider | None = None) -> Any:
        key_fields = ("key_variables",) if obj and obj.is_builtin else ("key", "has_key")
        return (
            (None, {"fields": (*_SHIPPED_FIELDS, "is_enabled", "priority", "drain_on_disconnect")}),
            ("Key", {"fields": key_fields}),
            ("Deadlines in seconds", {"fields": _DEADLINES}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Provider | None = None) -> Sequence[str]:
        shown = ("key_variables", "has_key")
        # A form field that is read-only leaves the form: a built-in provider takes no key from it.
        return (*_SHIPPED_FIELDS, "key", *shown) if obj and obj.is_builtin else shown

    def has_delete_permission(self, request: HttpRequest, obj: Provider | None = None) -> bool:
        # Its models and the history of their prices would go with it; a provider that is done is paused.
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        key = form.cleaned_data.get("key")
        if key:
            providers.save_provider_key(obj, key)
        elif "base_url" in form.changed_data and obj.encrypted_key:
            self.message_user(request, "The key was entered for the former address: enter it again.", messages.WARNING)

    @action(description="Pause selected providers", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Provider]) -> HttpResponse | None:
        return self._set_enabled(request, queryset, is_enabled=False)

    @action(description="Resume selected providers", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Provider]) -> HttpResponse | None:
        return self._set_enabled(request, queryset, is_enabled=True)

    def _set_enabled(
        self, request: HttpRequest, queryset: QuerySet[Provider], *, is_enabled: bool
    ) -> HttpResponse | None:
        def switch(provider: Provider, actor: str, reason: str) -> None:
            providers.set_enabled(Provider.objects.filter(pk=provider.pk), is_enabled=is_enabled)

        name, effect = ("resume", _RESUMED) if is_enabled else ("pause", _PAUSED)
        change = Change(
            name=name,
            button=name.capitalize(),
            effects=lambda chosen: [effect],
            do=switch,
            done=f"Providers {name}d: {queryset.count()}. {effect}",
        )
        return self.confirmed(request, queryset, change)

    @display(description="state", ordering="is_enabled", label={"enabled": "success", "paused": "warning"})
    def labelled_state(self, provider: Provider) -> str:
        return "enabled" if provider.is_enabled else "paused"

    @admin.display(description="key is read from")
    def key_variables(self, provider: Provider) -> str:
        return " or ".join(providers.key_variables(provider.slug)) or "no key is needed"

    @admin.display(description="a key is stored", boolean=True)
    def has_key(self, provider: Provider) -> bool:
        return bool(provider.encrypted_key)


class PriceInline(TabularInline):
    model = ModelPrice
    fields = (
        "service_tier",
        "input_usd_per_mtok",
        "output_usd_per_mtok",
        "cached_input_usd_per_mtok",
        "cache_write_usd_per_mtok",
        "active_from",
        "active_to",
        "source",
        "source_version",
    )
    readonly_fields = fields
    extra = 0
    can_delete = False
    verbose_name_plural = "price history"

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(LanguageModel)
class LanguageModelAdmin(ConfirmedActions, ConfigurationAdmin):
    form = LanguageModelForm
    inlines = (PriceInline,)
    list_display = (
        "name",
        "provider",
        "canonical_name",
        "tier",
        "context_tokens",
        "supports_tools",
        "supports_images",
        "supports_json",
        "is_enabled",
        "is_routable",
        "source",
    )
    list_filter = ("provider", "tier", "is_routable", "is_enabled", "source", "supports_tools", "supports_images")
    list_select_related = ("provider",)
    search_fields = ("name", "canonical_name", "upstream_name")
    readonly_fields = ("source", "updated_at")
    autocomplete_fields = ("provider",)
    actions = ("withdraw_staff_price",)
    fieldsets = (
        (None, {"fields": ("provider", "name", "upstream_name", "canonical_name", "is_enabled")}),
        (
            "What it can do",
            {
                "fields": (
                    "tier",
                    "is_routable",
                    "context_tokens",
                    "max_output_tokens",
                    "supports_tools",
                    "supports_images",
                    "supports_json",
                )
            },
        ),
        (
            "Staff price",
            {"fields": LanguageModelForm.RATE_FIELDS, "description": LanguageModelForm.RATES_HELP},
        ),
        ("Provenance", {"fields": ("allow_unpriced", "is_staff_edited", "source", "updated_at")}),
    )

    def has_delete_permission(self, request: HttpRequest, obj: LanguageModel | None = None) -> bool:
        # The history of its prices would go with it; a model that is done is disabled.
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if form.has_changed_model and "is_staff_edited" not in form.changed_data:
            obj.is_staff_edited = True
        super().save_model(request, obj, form, change)
        schedule = form.staff_schedule
        if schedule:
            prices.set_staff_price(obj, schedule, now=timezone.now(), note=f"set by {request.user.get_username()}")

    @action(description="Withdraw staff prices of selected models", permissions=["change"])
    def withdraw_staff_price(self, request: HttpRequest, queryset: QuerySet[LanguageModel]) -> HttpResponse | None:
        def withdraw(language_model: LanguageModel, actor: str, reason: str) -> None:
            prices.withdraw_staff_price(language_model, now=timezone.now())

        change = Change(
            name="withdraw_staff_price",
            button="Withdraw staff prices",
            effects=lambda chosen: ["New requests cost what the price library says; without a price there, unknown."],
            do=withdraw,
            done="Staff prices withdrawn: the price library's hold again, where it has one.",
        )
        return self.confirmed(request, queryset, change)
