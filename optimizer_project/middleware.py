"""Middleware of the whole site."""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django_structlog.middlewares import RequestMiddleware

Answer = HttpResponseBase | Awaitable[HttpResponseBase]


class RequestLogMiddleware(RequestMiddleware):
    """Logs each request by its path alone: a query string may hold a prompt."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"


class NoStoreMiddleware:
    """Keeps answers out of caches of browsers and proxies, unless a view says how long its answer may be kept.

    Nearly all say something of a team or show what has just changed; what may be kept are files, which never get here.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Answer:
        answer = self.get_response(request)
        return _kept_nowhere(answer) if isinstance(answer, HttpResponseBase) else _later(answer)


class OptionalSlashMiddleware:
    """Serves every path with and without its trailing slash, without a redirect, which would lose the body."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Answer:
        path = request.path_info
        if not _is_known(path):
            other = path.removesuffix("/") if path.endswith("/") else f"{path}/"
            if other and _is_known(other):
                request.path_info = other
                request.path = request.path.removesuffix(path) + other
        return self.get_response(request)


async def _later(answer: Awaitable[HttpResponseBase]) -> HttpResponseBase:
    return _kept_nowhere(await answer)


def _kept_nowhere(answer: HttpResponseBase) -> HttpResponseBase:
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer


def _is_known(path: str) -> bool:
    try:
        match = resolve(path)
    except Resolver404:
        return False
    # The admin's last pattern matches anything below it, only to answer 404 to strangers and staff alike.
    return getattr(match.func, "__name__", "") != "catch_all_view"
