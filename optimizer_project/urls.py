from django.contrib import admin
from django.urls import include, path

from optimizer_project.pages import DocsView, SchemaView, landing

handler400 = "optimizer_project.error_views.bad_request"
handler403 = "optimizer_project.error_views.permission_denied"
handler404 = "optimizer_project.error_views.page_not_found"
handler500 = "optimizer_project.error_views.server_error"

urlpatterns = [
    path("", landing, name="landing"),
    path("docs", DocsView.as_view(), name="docs"),
    path("openapi.json", SchemaView.as_view(), name="openapi"),
    path("", include("accounts.urls")),
    path("", include("monitoring.urls")),
    path("", include("routing.urls")),
    path("", include("feedback.urls")),
    path("", include("learning.urls")),
    path("", include("experiments.urls")),
    path("", include("insights.urls")),
    # Last, because the REST routes below /admin/ must be found before Django's own site.
    path("admin/", admin.site.urls),
]
