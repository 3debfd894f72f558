"""Pages for people: what runs here, and the interactive API documentation. Nothing on them comes from elsewhere."""

from typing import Any

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

# Stricter than the site's policy, whose exception for evaluated scripts only the admin needs.
_POLICY: dict[str, Any] = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF, UNSAFE_INLINE],
    "img-src": [SELF, "data:"],
    "connect-src": [SELF],
    "frame-ancestors": [NONE],
    "base-uri": [NONE],
    "form-action": [NONE],
}


class SchemaView(SpectacularJSONAPIView):
    authentication_classes = ()


@method_decorator(csp_replace(_POLICY), name="dispatch")
class DocsView(SpectacularSwaggerSplitView):
    authentication_classes = ()
    url_name = "openapi"


@require_safe
@csp_replace(_POLICY)
def landing(request: HttpRequest) -> HttpResponse:
    return render(request, "index.html", {"base_url": f"{request.scheme}://{request.get_host()}"})
