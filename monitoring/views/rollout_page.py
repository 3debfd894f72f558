"""The admin's page of the rollout: where it stands, whether it may go on, and what moves it."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from accounts.domain.features import WHAT_IT_DOES
from accounts.domain.rollout import CONFIRMATIONS, FIRST_PHASE, LAST_PHASE, SHARES
from accounts.models import RolloutPhase
from accounts.services import rollout
from accounts.services.rollout import ReasonMissing, RolloutRefused
from monitoring.services import rollout as moves
from monitoring.services.rollout import RolloutStatus
from monitoring.views import steps
from monitoring.views.start_page import may_view
from monitoring.views.steps import ReasonForm, Step
from routing.services import database_clock

_CHANGE = "accounts.change_rolloutphase"
_REFUSALS = (RolloutRefused, ReasonMissing)


class StartForm(forms.Form):
    """Which features a rollout takes to the teams."""

    features = forms.MultipleChoiceField(
        choices=[(feature.value, f"{feature}: {text}") for feature, text in WHAT_IT_DOES.items()],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )


class RollbackForm(ReasonForm):
    """Why, and what went wrong."""

    issue = forms.CharField(
        max_length=500,
        required=False,
        label="What went wrong",
        widget=UnfoldAdminTextInputWidget,
        help_text="Kept among the issues of the phase.",
    )


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    if not may_view(request, RolloutPhase):
        raise PermissionDenied
    status = moves.status(now=database_clock.now())
    context = {
        **admin.site.each_context(request),
        "title": "Rollout",
        "status": status,
        "phases": [_shown(status, number) for number in range(FIRST_PHASE, LAST_PHASE + 1)],
        "measured": [criterion for criterion in status.criteria if criterion.kind == "measured"],
        "confirmed": [criterion for criterion in status.criteria if criterion.kind == "confirmed"],
        "may_move": request.user.has_perm(_CHANGE),
    }
    return TemplateResponse(request, "admin/monitoring/rollout.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, name: str) -> HttpResponse:
    """Ask once more, and move the rollout on POST."""
    _check(request)
    build = _MOVES.get(name)
    if build is None:
        raise Http404("There is no such move.")
    return steps.take(request, build(request))


@require_POST
def note(request: HttpRequest) -> HttpResponse:
    """Keep what people confirm, and what went wrong."""
    _check(request)
    who: dict[str, Any] = {"actor": request.user.get_username(), "now": database_clock.now()}
    try:
        if issue := request.POST.get("issue", "").strip()[:500]:
            rollout.report_issue(issue, **who)
            messages.success(request, "The issue is kept with the phase.")
        elif "confirmations" in request.POST:
            _confirm(set(request.POST.getlist("confirmed")), who)
            messages.success(request, "What is confirmed is kept with your name.")
    except RolloutRefused as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(reverse("rollout"))


def _check(request: HttpRequest) -> None:
    if not request.user.has_perm(_CHANGE):
        raise PermissionDenied


def _confirm(wanted: set[str], who: Mapping[str, Any]) -> None:
    phase = moves.current()
    for name in CONFIRMATIONS:
        # What stays as it is keeps the name of who said so.
        if (name in wanted) != (name in phase.confirmations):
            rollout.confirm(name, is_confirmed=name in wanted, **who)


def _shown(status: RolloutStatus, number: int) -> dict[str, Any]:
    current = status.phase.number if status.phase else LAST_PHASE + 1
    state = "done" if number < current else "current" if number == current else "ahead"
    return {
        "number": number,
        "percent": round(100 * SHARES[number]),
        "teams": status.teams_by_phase[number],
        "state": state,
    }


def _posted(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _step(request: HttpRequest, act: Callable[..., object], done: str, **given: Any) -> Step:
    def do(asked: dict[str, Any]) -> str:
        act(asked, actor=request.user.get_username(), now=database_clock.now())
        return done

    return Step(act=do, back=reverse("rollout"), refusals=_REFUSALS, **given)


def _start(request: HttpRequest) -> Step:
    return _step(
        request,
        lambda asked, **who: rollout.start(asked["features"], **who),
        "The rollout has begun in phase 1.",
        question="Start a rollout?",
        button="Start in phase 1",
        effects=("Within a second only a tenth of the teams, rounded up, has the features that you choose.",),
        form=StartForm(_posted(request)),
        look="danger",
    )


def _advance(request: HttpRequest) -> Step:
    return _step(
        request,
        lambda asked, **who: moves.advance(**who),
        "The rollout has gone on.",
        question="Go on to the next phase?",
        button="Go on",
        effects=("All criteria are measured again; it goes on only if they hold then.",),
        form=forms.Form(_posted(request)),
    )


def _override(request: HttpRequest) -> Step:
    status = moves.status(now=database_clock.now())
    return _step(
        request,
        lambda asked, **who: moves.advance(overrides=True, reason=asked["reason"], **who),
        "The rollout has gone on although criteria did not hold; your reason is kept.",
        question="Go on although criteria do not hold?",
        button="Override and go on",
        effects=status.unmet,
        form=ReasonForm(_posted(request)),
        look="danger",
    )


def _rollback(request: HttpRequest) -> Step:
    return _step(
        request,
        lambda asked, **who: rollout.rollback(**asked, **who),
        "The rollout has gone back.",
        question="Go back to the phase before?",
        button="Roll back",
        effects=("Within a second the teams of this phase that were not in the one before lose the features.",),
        form=RollbackForm(_posted(request)),
        look="danger",
    )


_MOVES: Mapping[str, Callable[[HttpRequest], Step]] = {
    "start": _start,
    "advance": _advance,
    "override": _override,
    "rollback": _rollback,
}
