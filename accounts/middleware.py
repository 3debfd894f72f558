"""Holds sessions of staff to the second factor that their users have, or must have."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts.services import second_factor


class SecondFactorMiddleware:
    """Takes a session without its second factor for nobody's; who must set one up first is led to that page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Without the cookie there is no session to ask, and an answer that does not vary by it can be cached.
        has_session = settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated
        if has_session and second_factor.is_missing(request.user, request.session):
            return self._held(request)
        return self._get_response(request)

    def _held(self, request: HttpRequest) -> HttpResponse:
        setup = reverse("admin:second_factor")
        must_set_up = second_factor.device_of(request.user) is None
        if must_set_up and request.path in (setup, reverse("admin:logout")):
            return self._get_response(request)
        if must_set_up and request.method in ("GET", "HEAD") and request.accepts("text/html"):
            return HttpResponseRedirect(setup)
        request.user = AnonymousUser()
        return self._get_response(request)
