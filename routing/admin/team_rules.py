from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from routing.domain.team_rules import InvalidRule, Kind
from routing.models import TeamRule
from routing.services import team_rules
from routing.services.team_rules import Wanted


class TeamRuleForm(forms.ModelForm[TeamRule]):
    class Meta:
        model = TeamRule
        fields = ("team", "kind", "pattern", "model", "max_tokens", "reason")

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        if not self.errors:
            try:
                team_rules.check(wanted(asked), team=asked["team"])
            except InvalidRule as error:
                raise forms.ValidationError(str(error)) from error
        return asked

    def _get_validation_exclusions(self) -> set[str]:
        # A rule on the same subject is no mistake, for the new one takes its place: without the team, Django leaves the
        # constraints on what a team has once alone.
        return {*super()._get_validation_exclusions(), "team"}  # type: ignore[misc]


def wanted(asked: dict[str, Any]) -> Wanted:
    return Wanted(Kind(asked["kind"]), asked["pattern"], asked["model"], asked["max_tokens"])


@admin.register(TeamRule)
class TeamRuleAdmin(ModelAdmin):
    """Rules are added and removed, never changed; the web processes follow within a second."""

    form = TeamRuleForm
    list_display = ("team", "kind", "shown_pattern", "shown_model", "max_tokens", "reason", "created_by", "created_at")
    list_filter = ("kind", "team")
    list_select_related = ("team",)
    search_fields = ("model", "reason")

    @admin.display(description="pattern", ordering="pattern")
    def shown_pattern(self, rule: TeamRule) -> str:
        return rule.pattern or "all"

    @admin.display(description="model", ordering="model")
    def shown_model(self, rule: TeamRule) -> str:
        return rule.model or "all"

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            raise PermissionDenied
        asked = form.cleaned_data
        placed = team_rules.add(
            wanted(asked),
            team=asked["team"],
            actor=request.user.get_username(),
            now=timezone.now(),
            reason=asked["reason"],
        )
        obj.pk = placed.rule.pk

    def delete_model(self, request: HttpRequest, obj: TeamRule) -> None:
        team_rules.remove(obj.id, team=obj.team)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for rule in queryset.select_related("team"):
            team_rules.remove(rule.id, team=rule.team)
