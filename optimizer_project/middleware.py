"""Middleware of the whole site. Each works in both of Django's modes and adds no thread hop to an async request."""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django_structlog.middlewares import RequestMiddleware

from optimizer_project.api_errors import ApiError, http_response

Answer = HttpResponse | Awaitable[HttpResponse]


class RequestLogMiddleware(RequestMiddleware):
    """Logs each request by its path alone: a query string may hold a prompt."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"


class _Middleware:
    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)  # type: ignore[type-var]


class BodyHeadersMiddleware(_Middleware):
    """Refuses bodies that Django would misread: it decodes parameters with whatever codec the client names, and takes a
    body without a length for an empty one."""

    def __call__(self, request: HttpRequest) -> Answer:
        refusal = _refusal(request)
        if refusal is None:
            return self.get_response(request)
        response = http_response(request.path, refusal)
        return _at_once(response) if iscoroutinefunction(self) else response


class OptionalSlashMiddleware(_Middleware):
    """Serves every path with and without its trailing slash, without a redirect, which would lose the body."""

    def __call__(self, request: HttpRequest) -> Answer:
        path = request.path_info
        if not _is_known(path):
            other = path.removesuffix("/") if path.endswith("/") else f"{path}/"
            if other and _is_known(other):
                request.path_info = other
                request.path = request.path.removesuffix(path) + other
        return self.get_response(request)


async def _at_once(response: HttpResponse) -> HttpResponse:
    return response


def _refusal(request: HttpRequest) -> ApiError | None:
    charset = (request.content_params or {}).get("charset", "utf-8")
    if charset.strip("\"'").lower() not in ("utf-8", "utf8"):
        return ApiError(415, "unsupported_charset", "Only the charset UTF-8 is supported.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        return ApiError(415, "unsupported_encoding", "Compressed request bodies are not supported: send it plain.")
    if "transfer-encoding" in request.headers and not request.headers.get("content-length"):
        return ApiError(411, "length_required", "Send the request body with a Content-Length.")
    return None


def _is_known(path: str) -> bool:
    try:
        match = resolve(path)
    except Resolver404:
        return False
    # The admin's last pattern matches anything below it, only to answer 404 to strangers and staff alike.
    return getattr(match.func, "__name__", "") != "catch_all_view"
