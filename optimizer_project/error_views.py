"""What Django answers when no view could: JSON for programs, its usual pages for people in the admin."""

import sys

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.views import csrf, defaults

from optimizer_project.api_errors import http_response, to_http


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _wants_page(request):
        return defaults.bad_request(request, exception)
    return http_response(request.path, to_http(SuspiciousOperation() if isinstance(exception, str) else exception))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return (
        defaults.permission_denied(request, exception) if _wants_page(request) else _json(request, PermissionDenied())
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    if _wants_page(request):
        return csrf.csrf_failure(request, reason)
    return _json(request, PermissionDenied("The CSRF token is missing or wrong: send an API key, or reload the page."))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _wants_page(request):
        return defaults.page_not_found(request, exception)
    return _json(request, exception if isinstance(exception, Http404) else Http404())


def server_error(request: HttpRequest) -> HttpResponse:
    error = sys.exc_info()[1]
    return defaults.server_error(request) if _wants_page(request) else _json(request, error or Exception())


def _json(request: HttpRequest, error: BaseException) -> HttpResponse:
    return http_response(request.path, to_http(error))


def _wants_page(request: HttpRequest) -> bool:
    """Say whether a person looks at this: a browser in a part of the site that is made of pages."""
    is_site_of_pages = request.path.startswith(("/admin/", "/dashboard/"))
    return is_site_of_pages and request.get_preferred_type(["application/json", "text/html"]) == "text/html"
