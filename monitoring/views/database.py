"""The admin's page about the database."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from monitoring.selectors.database import current, growth, postgresql
from monitoring.selectors.database.report import missing_migrations

PERMISSION = "monitoring.view_database"


@require_safe
def database(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    report = current.report()
    context = {
        **admin.site.each_context(request),
        "title": "Database",
        "report": report,
        "tables": growth.growth(report.tables, today=timezone.now().date()),
        "periods": growth.PERIODS,
        "missing_migrations": missing_migrations(),
        "unused": [index for index in report.indexes if index.is_unused],
        "long_seconds": postgresql.LONG_SECONDS,
    }
    return TemplateResponse(request, "admin/monitoring/database.html", context)
