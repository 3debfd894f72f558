from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.admin import second_factor as second_factor_page
from accounts.admin.confirmation import Change, ConfirmedActions
from accounts.services import second_factor

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User], ConfirmedActions):
    """Who may change users may give them roles, and still makes nobody a superuser, not themselves either."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "roles", "is_staff", "is_active", "is_superuser", "last_login")
    list_filter = ("is_staff", "is_superuser", "is_active", "groups")
    actions = ("remove_second_factor",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def get_urls(self) -> list[URLPattern]:
        own = path("second-factor/", self.admin_site.admin_view(second_factor_page.page), name="second_factor")
        return [own, *super().get_urls()]

    @action(description="Remove the second factor of selected users", permissions=["change"])
    def remove_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        def remove(user: User, actor: str, reason: str) -> None:
            if not _is_in_reach(request, user):
                raise PermissionDenied(f"Only a superuser removes the second factor of {user}.")
            second_factor.remove(user)

        change = Change(
            name="remove_second_factor",
            button="Remove the second factor",
            effects=lambda users: [
                "Their passwords are enough to log in, until they set up a new one. Be sure it is them."
            ],
            do=remove,
            done="The selected users log in with their password alone until they set up a new second factor.",
            refusals=(PermissionDenied,),
        )
        return self.confirmed(request, queryset, change)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        fixed = () if request.user.is_superuser else ("is_superuser", "user_permissions")
        return (*super().get_readonly_fields(request, obj), *fixed)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _is_in_reach(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_in_reach(request, obj)

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        return ", ".join(group.name for group in user.groups.all()) or "-"


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    pass


def _is_in_reach(request: HttpRequest, user: User | None) -> bool:
    """Keep superusers, and with them their passwords, to superusers."""
    return user is None or not user.is_superuser or bool(request.user.is_superuser)
