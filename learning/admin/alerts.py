from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action

from accounts.admin.base import ReadOnlyAdmin
from accounts.admin.confirmation import Change, ConfirmedActions
from learning.models import LearningAlert
from learning.services import alerts
from routing.services import database_clock


@admin.register(LearningAlert)
class LearningAlertAdmin(ConfirmedActions, ReadOnlyAdmin):
    """What people must look at; resolving an alert of unusual or contradicting ratings lets its pattern learn again."""

    actions = ("resolve",)
    list_display = ("raised_at", "kind", "pattern", "team", "message", "resolved_at", "resolved_by")
    list_filter = ("kind", ("resolved_at", admin.EmptyFieldListFilter), "pattern", "team")
    list_select_related = ("team",)
    search_fields = ("message",)
    date_hierarchy = "raised_at"

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("learning.change_learningalert"))

    @action(description="Resolve the selected alerts", permissions=["resolve"])
    def resolve(self, request: HttpRequest, queryset: QuerySet[LearningAlert]) -> HttpResponse | None:
        def end(alert: LearningAlert, actor: str, reason: str) -> None:
            alerts.resolve(alert, actor=actor, now=database_clock.now())

        change = Change(
            name="resolve",
            button="Resolve",
            effects=lambda chosen: ["A pattern that was held back for its ratings learns again."],
            do=end,
            done="The selected alerts are resolved.",
        )
        return self.confirmed(request, queryset, change)
