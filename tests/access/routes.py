"""Every route there is, as the URL configuration, the gateway and the WebSockets have it."""

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

from optimizer_project import websocket_urls
from routing.gateway import app as gateway_app

_GROUP = re.compile(r"\(\?P<(\w+)>[^)]*\)")
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_METHODS = ("get", "post", "put", "patch", "delete")
# Pages that are functions, with what they take besides GET.
_FORMS = {"/dashboard/decide"}

Operation = tuple[str, str]


def operations() -> set[Operation]:
    """Return method and path of all routes but the admin's pages; parameters in braces."""
    found = {("POST", path) for path in gateway_app.PATHS if not path.endswith("/")}
    for path, view in _patterns(get_resolver().url_patterns):
        if not is_page_of_the_admin(path, view):
            found |= {(method, path) for method in _methods(path, view)}
    return found


def admin_pages() -> set[str]:
    """Return the paths of the admin's pages, parameters in braces."""
    return {path for path, view in _patterns(get_resolver().url_patterns) if is_page_of_the_admin(path, view)}


def api_views() -> dict[str, Any]:
    """Return the class of each REST view, by its path."""
    views = _patterns(get_resolver().url_patterns)
    return {path: view.cls for path, view in views if hasattr(view, "cls")}


def sockets() -> set[str]:
    return set(websocket_urls.PATHS)


def schema() -> dict[str, Any]:
    """Return the OpenAPI document."""
    generated: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return generated


def operations_of(document: dict[str, Any]) -> dict[Operation, dict[str, Any]]:
    paths = document["paths"].items()
    return {(method.upper(), path): described for path, methods in paths for method, described in methods.items()}


def takes(operation: dict[str, Any], name: str) -> bool:
    """Say whether an operation has a parameter of this name in its query."""
    return any(given["in"] == "query" and given["name"] == name for given in operation.get("parameters", ()))


def is_page_of_the_admin(path: str, view: Any) -> bool:
    """Tell the admin's pages from the REST paths that begin as they do."""
    return path.startswith("/admin/") and not hasattr(view, "cls")


def _patterns(patterns: list[Any], before: str = "/") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        path = before + _PARAMETER.sub(r"{\1}", _route(pattern))
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            yield path, pattern.callback


def _route(pattern: Any) -> str:
    # The admin's last one is a regular expression for whatever is left.
    return _GROUP.sub(r"{\1}", str(pattern.pattern)).strip("^$")


def _methods(path: str, view: Any) -> list[str]:
    if not hasattr(view, "cls"):
        return ["GET", "POST"] if path in _FORMS else ["GET"]
    offered = [name for name in _METHODS if hasattr(view.cls, name)]
    return [name.upper() for name in offered if name in view.cls.http_method_names]
