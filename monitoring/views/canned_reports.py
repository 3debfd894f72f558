"""The canned reports as pages of the admin, and as CSV."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.admin import spreadsheet
from accounts.services import replica
from monitoring.selectors.canned_reports import MOST_ROWS, REPORTS, CannedReport, Row
from monitoring.views.start_page import may_view

SHOWN_ROWS = 200


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    reports = [report for report in REPORTS.values() if may_view(request, report.model)]
    context = {**admin.site.each_context(request), "title": "Reports", "reports": reports}
    return TemplateResponse(request, "admin/monitoring/reports.html", context)


@require_safe
def report(request: HttpRequest, name: str) -> HttpResponseBase:
    found = REPORTS.get(name)
    if found is None:
        raise Http404("There is no such report.")
    if not may_view(request, found.model):
        raise PermissionDenied
    if request.GET.get("format") == "csv":
        return _csv(request, found)
    # One more than is shown, to know whether there are more.
    rows = replica.read(lambda: list(found.rows(timezone.now(), SHOWN_ROWS + 1)))
    context = {
        **admin.site.each_context(request),
        "title": found.title,
        "report": found,
        "rows": [(row.values[0], _address(found, row), row.values[1:]) for row in rows[:SHOWN_ROWS]],
        "is_cut": len(rows) > SHOWN_ROWS,
        "shown_rows": SHOWN_ROWS,
        "most_rows": MOST_ROWS,
    }
    return TemplateResponse(request, "admin/monitoring/report.html", context)


def _address(found: CannedReport, row: Row) -> str:
    if row.pk is None:
        return ""
    options = found.model._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=(row.pk,))


def _csv(request: HttpRequest, found: CannedReport) -> HttpResponseBase:
    now = timezone.now()
    rows = (row.values for row in replica.rows(lambda: found.rows(now, MOST_ROWS)))
    return spreadsheet.response(request, f"{found.name}-{now:%Y-%m-%d-%H%M}.csv", found.columns, rows)
