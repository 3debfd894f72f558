from collections.abc import Sequence

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import TabularInline
from unfold.decorators import action, display

from accounts.admin.base import ReadOnlyAdmin
from accounts.admin.confirmation import Change, ConfirmedActions
from monitoring.models import Alert, AlertDelivery, Severity
from monitoring.services import alerts, deliveries
from monitoring.services.alerts import AlreadyAcknowledged
from routing.services import database_clock

SEVERITY_LABELS = {Severity.CRITICAL: "danger", Severity.WARNING: "warning", Severity.INFO: "info"}
_STATE_LABELS = {
    Alert.State.FIRING: "danger",
    Alert.State.PENDING: "warning",
    Alert.State.RESOLVED: "success",
    Alert.State.NOTICE: "info",
}
_DELIVERY_LABELS = {
    AlertDelivery.State.DELIVERED: "success",
    AlertDelivery.State.WAITING: "warning",
    AlertDelivery.State.UNDELIVERED: "danger",
}


class DeliveryInline(TabularInline):
    model = AlertDelivery
    fields = ("channel", "event", "state", "attempts", "created_at", "delivered_at", "next_attempt_at", "error")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Alert)
class AlertAdmin(ConfirmedActions, ReadOnlyAdmin):
    """What was or is bad, from its beginning to its end, and the notices that were told."""

    actions = ("acknowledge",)
    inlines = (DeliveryInline,)
    list_display = (
        "began_at",
        "labelled_severity",
        "labelled_state",
        "title",
        "subject",
        "measured",
        "fired_at",
        "resolved_at",
        "acknowledged_by",
        "note",
    )
    list_filter = ("state", "severity", "kind", ("acknowledged_at", admin.EmptyFieldListFilter))
    search_fields = ("title", "message", "subject", "note")
    date_hierarchy = "began_at"

    def has_acknowledge_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("monitoring.change_alert"))

    @action(description="Acknowledge the selected alerts", permissions=["acknowledge"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[Alert]) -> HttpResponse | None:
        change = Change(
            name="acknowledge",
            button="Acknowledge",
            effects=_effects,
            do=lambda alert, actor, note: alerts.acknowledge(alert, actor=actor, note=note, now=database_clock.now()),
            done="Acknowledged.",
            refusals=(AlreadyAcknowledged,),
        )
        return self.confirmed(request, queryset, change)

    @admin.display(description="value", ordering="value")
    def measured(self, alert: Alert) -> str:
        return "-" if alert.value is None else f"{alert.value:.4g}"

    @display(description="severity", ordering="severity", label=SEVERITY_LABELS)
    def labelled_severity(self, alert: Alert) -> str:
        return alert.severity

    @display(description="state", ordering="state", label=_STATE_LABELS)
    def labelled_state(self, alert: Alert) -> str:
        return alert.state


@admin.register(AlertDelivery)
class AlertDeliveryAdmin(ReadOnlyAdmin):
    """Every message, and what became of it."""

    actions = ("send_again",)
    list_display = (
        "created_at",
        "alert",
        "event",
        "channel",
        "labelled_state",
        "attempts",
        "delivered_at",
        "next_attempt_at",
        "error",
    )
    list_filter = ("state", "channel", "event")
    list_select_related = ("alert",)
    search_fields = ("alert__title", "error")
    date_hierarchy = "created_at"

    def has_send_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("monitoring.change_alertdelivery"))

    @action(description="Send the selected messages that were given up again", permissions=["send"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[AlertDelivery]) -> None:
        count = deliveries.send_again(queryset, now=database_clock.now())
        self.message_user(request, f"{count} messages are sent within a minute.")

    @display(description="state", ordering="state", label=_DELIVERY_LABELS)
    def labelled_state(self, delivery: AlertDelivery) -> str:
        return delivery.state


def _effects(rows: Sequence[Alert]) -> list[str]:
    return [
        *(str(alert) for alert in rows),
        "Others see that you have taken it on, and your note. It goes on until what is wrong is over.",
    ]
