from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminPasswordWidget

from monitoring.admin.alerts import SEVERITY_LABELS
from monitoring.domain.measures import DESCRIPTIONS, Measure
from monitoring.models import AlertChannel, AlertDelivery, AlertRule, ChannelName, Severity
from monitoring.services import alerts, channels, deliveries
from monitoring.services.channels import InvalidAddress
from routing.services import database_clock


class RuleForm(forms.ModelForm[AlertRule]):
    channels = forms.MultipleChoiceField(
        choices=ChannelName.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="None for the channels of its severity.",
    )

    class Meta:
        model = AlertRule
        fields = (
            "title",
            "slug",
            "measure",
            "comparison",
            "threshold",
            "window_seconds",
            "hold_seconds",
            "min_samples",
            "severity",
            "channels",
            "advice",
            "is_enabled",
        )


@admin.register(AlertRule)
class AlertRuleAdmin(ModelAdmin):
    """What is watched, with the value that was measured last."""

    form = RuleForm
    actions = ("send_test",)
    list_display = (
        "title",
        "labelled_severity",
        "condition",
        "hold_seconds",
        "min_samples",
        "measured",
        "evaluated_at",
        "last_error",
        "is_enabled",
    )
    list_filter = ("severity", "is_enabled")
    search_fields = ("title", "slug", "measure")
    readonly_fields = ("meaning", "evaluated_at", "measured", "last_error")

    def has_delete_permission(self, request: HttpRequest, obj: AlertRule | None = None) -> bool:
        # Those that come with the product would be back after the next upgrade; a rule that is not wanted is disabled.
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: AlertRule | None = None) -> tuple[str, ...]:
        # Its alerts are known by it.
        return (*self.readonly_fields, "slug") if obj else self.readonly_fields

    def get_prepopulated_fields(self, request: HttpRequest, obj: AlertRule | None = None) -> dict[str, tuple[str]]:
        return {} if obj else {"slug": ("title",)}

    def has_test_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("monitoring.change_alertrule"))

    @action(description="Send a test message of the selected rules", permissions=["test"])
    def send_test(self, request: HttpRequest, queryset: QuerySet[AlertRule]) -> None:
        actor, now = request.user.get_username(), database_clock.now()
        for rule in queryset:
            tell(self, request, alerts.send_test(actor=actor, now=now, rule=rule))

    @display(description="severity", ordering="severity", label=SEVERITY_LABELS)
    def labelled_severity(self, rule: AlertRule) -> str:
        return rule.severity

    @admin.display(description="bad when", ordering="measure")
    def condition(self, rule: AlertRule) -> str:
        return f"{rule.get_measure_display()} {rule.get_comparison_display().lower()} {rule.threshold:g}"

    @admin.display(description="measured last", ordering="last_value")
    def measured(self, rule: AlertRule) -> str:
        return "-" if rule.last_value is None else f"{rule.last_value:.4g}"

    @admin.display(description="what is measured")
    def meaning(self, rule: AlertRule) -> str:
        if rule.measure:
            return DESCRIPTIONS[Measure(rule.measure)].capitalize()
        return " · ".join(f"{name.value.replace('_', ' ')}: {text}" for name, text in DESCRIPTIONS.items())


class ChannelForm(forms.ModelForm[AlertChannel]):
    severities = forms.MultipleChoiceField(
        choices=Severity.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Alerts of these come here, unless their rule names its channels.",
    )
    new_address = forms.CharField(
        required=False,
        max_length=2000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Kept encrypted, and never shown again. Empty keeps the present one.",
    )
    forget_address = forms.BooleanField(required=False, help_text="Go back to the environment's.")

    class Meta:
        model = AlertChannel
        fields = ("is_enabled",)

    def clean_new_address(self) -> str:
        address = str(self.cleaned_data["new_address"])
        if address:
            try:
                channels.check(self.instance.name, address)
            except InvalidAddress as error:
                raise forms.ValidationError(str(error)) from error
        return address


@admin.register(AlertChannel)
class AlertChannelAdmin(ModelAdmin):
    """Where messages go. Addresses are shown without what is secret in them."""

    form = ChannelForm
    actions = ("send_test",)
    list_display = ("name", "is_enabled", "listed_severities", "address")
    fields = ("name", "is_enabled", "severities", "address", "new_address", "forget_address")
    readonly_fields = ("name", "address")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AlertChannel | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: AlertChannel, form: Any, change: bool) -> None:
        obj.severities = form.cleaned_data["severities"]
        super().save_model(request, obj, form, change)
        if form.cleaned_data["new_address"] or form.cleaned_data["forget_address"]:
            channels.set_address(obj, form.cleaned_data["new_address"])
            deliveries.hurry(obj.name, now=database_clock.now())

    def has_test_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("monitoring.change_alertrule"))

    @action(description="Send a test message to the selected channels", permissions=["test"])
    def send_test(self, request: HttpRequest, queryset: QuerySet[AlertChannel]) -> None:
        actor, now = request.user.get_username(), database_clock.now()
        for channel in queryset:
            tell(self, request, alerts.send_test(actor=actor, now=now, channel=channel.name))

    @admin.display(description="severities")
    def listed_severities(self, channel: AlertChannel) -> str:
        return ", ".join(channel.severities) or "only rules that name it"

    @admin.display(description="address")
    def address(self, channel: AlertChannel) -> str:
        return channels.masked(channel.name) or "none: messages are kept as undelivered"


def tell(page: ModelAdmin, request: HttpRequest, made: list[AlertDelivery]) -> None:
    """Show what became of test messages."""
    for delivery in made:
        if delivery.state == AlertDelivery.State.DELIVERED:
            page.message_user(request, f"{delivery.get_channel_display()}: delivered.", messages.SUCCESS)
        else:
            page.message_user(request, f"{delivery.get_channel_display()}: {delivery.error}", messages.ERROR)
    if not made:
        page.message_user(request, "No enabled channel would be told.", messages.WARNING)
