"""The admin's page of features, where staff switch them."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe
from unfold.widgets import UnfoldAdminSelectWidget

from accounts import selectors
from accounts.domain.features import WHAT_IT_DOES
from accounts.models import FeatureChange, FeatureGate, Team
from accounts.services import features
from accounts.services.features import Feature, UnknownFeature
from monitoring.views import steps
from monitoring.views.start_page import may_view
from monitoring.views.steps import ReasonForm, Step
from routing.services import database_clock

_CHANGE = "accounts.change_featuregate"
_SHOWN_CHANGES = 20
_VERBS: Mapping[str, Callable[..., object]] = {
    "enable": features.enable,
    "disable": features.disable,
    "reset": features.reset,
}


class SwitchForm(ReasonForm):
    """For whom, and why."""

    team = forms.ModelChoiceField(
        Team.objects.filter(is_active=True),
        required=False,
        to_field_name="slug",
        empty_label="everybody",
        label="For",
        widget=UnfoldAdminSelectWidget,
    )
    field_order = ("team", "reason")


class ResetForm(SwitchForm):
    """Of which team, and why."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].required = True


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    if not may_view(request, FeatureGate):
        raise PermissionDenied
    gates = features.load()
    context = {
        **admin.site.each_context(request),
        "title": "Features",
        "features": selectors.feature_statuses(gates),
        "changes": FeatureChange.objects.all()[:_SHOWN_CHANGES],
        "forced_off": sorted(gates.forced_off),
        "may_switch": request.user.has_perm(_CHANGE),
    }
    return TemplateResponse(request, "admin/monitoring/features.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def switch(request: HttpRequest, name: str, verb: str) -> HttpResponse:
    """Ask for whom and why, and switch on POST."""
    if not request.user.has_perm(_CHANGE):
        raise PermissionDenied
    try:
        feature = features.named(name)
    except UnknownFeature as error:
        raise Http404(str(error)) from error
    if verb not in _VERBS:
        raise Http404("A feature is enabled, disabled or reset.")
    form_class = ResetForm if verb == "reset" else SwitchForm
    question, button, effect = _words(feature, verb)
    return steps.take(
        request,
        Step(
            question=question,
            button=button,
            effects=(WHAT_IT_DOES[feature], effect),
            form=form_class(request.POST or None, initial={"team": request.GET.get("team", "")}),
            act=lambda asked: _switch(request, feature, verb, asked),
            back=reverse("features"),
            look="danger" if verb == "disable" else "",
        ),
    )


def _switch(request: HttpRequest, feature: Feature, verb: str, asked: dict[str, Any]) -> str:
    team, actor = asked["team"], request.user.get_username()
    _VERBS[verb](feature, team=team, reason=asked["reason"], actor=actor, now=database_clock.now())
    whom = f"team {team.slug}" if team else "everybody"
    state = "on" if features.load().is_enabled(feature, team) else "off"
    return f"The feature {feature} is {state} for {whom}, in every process within a second."


def _words(feature: Feature, verb: str) -> tuple[str, str, str]:
    if verb == "disable":
        effect = (
            "Off in every process within a second: who asks for it is answered with 503, completions go on without."
        )
        return f"Switch {feature} off?", "Switch off", effect
    if verb == "enable":
        effect = "For one team it is on whatever the rollout says, unless it is off for everybody."
        return f"Switch {feature} on?", "Switch on", effect
    effect = "The team's own setting is removed: it has what everybody has, as far as the rollout reaches."
    return f"Let a team follow everybody in {feature}?", "Remove the setting", effect
