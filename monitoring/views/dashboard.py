"""The pages for people who watch: their scripts and styles are ours, and nothing on them comes from elsewhere."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from csp.constants import NONE, SELF
from csp.decorators import csp_replace
from django.conf import settings
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Team
from monitoring.selectors.dashboard import DEFAULT_PERIOD, PERIODS, Period
from monitoring.services import access, comparisons, dashboard_document
from monitoring.views.forms import DecideForm

POLICY: dict[str, Any] = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF],
    "img-src": [SELF, "data:"],
    "connect-src": [SELF],
    "frame-ancestors": [NONE],
    "base-uri": [NONE],
    "form-action": [SELF],
}


def watchers_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let in staff with a role; lead visitors to the log-in, and tell staff without a role what to ask for."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not access.may_watch(request.user):
            raise PermissionDenied("Your account has no role: ask for the role viewer.")
        return view(request, *args, **kwargs)

    return staff_member_required(guarded)


@require_safe
@never_cache
@csp_replace(POLICY)
@watchers_only
@ensure_csrf_cookie
def dashboard(request: HttpRequest) -> HttpResponse:
    team, period = _filters(request)
    return render(
        request,
        "dashboard/dashboard.html",
        {
            "page": "dashboard",
            "team": team,
            "teams": Team.objects.filter(is_active=True),
            "period": period,
            "periods": PERIODS.values(),
            "base_url": f"{request.scheme}://{request.get_host()}",
            "live_period": settings.LIVE_PERIOD_SECONDS,
        },
    )


@require_safe
@never_cache
@watchers_only
def dashboard_data(request: HttpRequest) -> HttpResponse:
    team, period = _filters(request)
    document = dashboard_document.document(team, period, now=timezone.now())
    return HttpResponse(document, content_type="application/json")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@csp_replace(POLICY)
@watchers_only
def decide(request: HttpRequest) -> HttpResponse:
    form = DecideForm(request.POST if request.method == "POST" else None)
    comparison = None
    if form.is_valid():
        comparison = comparisons.compare(form.cleaned_data["prompt"], team=form.cleaned_data["team"])
    return render(
        request,
        "dashboard/decide.html",
        {"page": "decide", "form": form, "comparison": comparison},
        status=422 if form.errors else 200,
    )


def _filters(request: HttpRequest) -> tuple[Team | None, Period]:
    """Read the filters in the address; an unknown team or period is a page that does not exist."""
    slug = request.GET.get("team", "")
    team = get_object_or_404(Team, slug=slug) if slug else None
    period = PERIODS.get(request.GET.get("period") or DEFAULT_PERIOD)
    if period is None:
        raise Http404("There is no such period.")
    return team, period
