"""Counts and times what Django answers, by route."""

import re
import time
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

from accounts.services import api_figures

_PARAMETER = re.compile(r"<(?:[^:>]+:)?([^>]+)>")


class FiguresMiddleware:
    """The outermost, so that it sees every answer as it leaves; it needs no thread of its own under ASGI."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        started = time.perf_counter()
        answer = self.get_response(request)
        if isinstance(answer, HttpResponse):
            _note(request, answer, started)
            return answer
        return _noted(request, answer, started)


async def _noted(request: HttpRequest, answer: Awaitable[HttpResponse], started: float) -> HttpResponse:
    response = await answer
    _note(request, response, started)
    return response


def _note(request: HttpRequest, response: HttpResponse, started: float) -> None:
    seconds = time.perf_counter() - started
    api_figures.answered(endpoint(request), request.method or "", response.status_code, seconds)


def endpoint(request: HttpRequest) -> str:
    """Return the route that the request has matched, as the API's documentation writes it: no ids, no user text."""
    match = request.resolver_match
    if match is None or not match.route.strip("/"):
        return api_figures.UNMATCHED if match is None else "/"
    if getattr(match.func, "__name__", "") == "catch_all_view":
        # The admin's last pattern holds any address below it.
        return api_figures.UNMATCHED
    return "/" + _PARAMETER.sub(r"{\1}", match.route).rstrip("/")
