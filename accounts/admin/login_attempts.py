from axes.models import AccessAttempt
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.admin.base import ReadOnlyAdmin
from accounts.admin.confirmation import Change, ConfirmedActions
from accounts.services import login_throttle

# Their pages would show the secrets; users set up their own, and the page of users removes them.
admin.site.unregister(TOTPDevice)
admin.site.unregister(StaticDevice)


@admin.register(AccessAttempt)
class AccessAttemptAdmin(ConfirmedActions, ReadOnlyAdmin):
    """Who failed to log in of late, and from where; failures count for a quarter of an hour."""

    actions = ("forget",)
    list_display = ("attempt_time", "username", "ip_address", "failures_since_start", "user_agent")
    search_fields = ("username__exact", "ip_address__exact")
    search_help_text = "A whole user name or address."
    ordering = ("-id",)
    sortable_by = ()
    fields = list_display
    readonly_fields = fields

    def has_forget_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("axes.change_accessattempt"))

    @admin.action(description="Let the users of selected failures try again", permissions=["forget"])
    def forget(self, request: HttpRequest, queryset: QuerySet[AccessAttempt]) -> HttpResponse | None:
        def forget(attempt: AccessAttempt, actor: str, reason: str) -> None:
            login_throttle.forget(attempt.username or "")

        change = Change(
            name="forget",
            button="Let them try again",
            effects=lambda attempts: ["All failures of these names are forgotten. Be sure that it is they who ask."],
            do=forget,
            done="The users may try again at once.",
        )
        return self.confirmed(request, queryset, change)
