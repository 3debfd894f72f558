"""Middleware of the whole site."""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django_structlog.middlewares import RequestMiddleware

Answer = HttpResponse | Awaitable[HttpResponse]


class RequestLogMiddleware(RequestMiddleware):
    """Logs each request by its path alone: a query string may hold a prompt."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"


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


def _is_known(path: str) -> bool:
    try:
        match = resolve(path)
    except Resolver404:
        return False
    # The admin's last pattern matches anything below it, only to answer 404 to strangers and staff alike.
    return getattr(match.func, "__name__", "") != "catch_all_view"
