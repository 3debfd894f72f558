"""The admin's page for reading the database with SQL, for superusers where it is switched on."""

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.admin import spreadsheet
from monitoring.selectors.read_only_sql.answer import MOST_STATEMENT_CHARACTERS, SECONDS, StatementRefused
from monitoring.services import sql_page

SHOWN_ROWS = 1_000


class StatementForm(forms.Form):
    statement = forms.CharField(
        max_length=MOST_STATEMENT_CHARACTERS,
        widget=forms.Textarea(
            attrs={"rows": 8, "spellcheck": "false", "autocapitalize": "off", "placeholder": "SELECT …"}
        ),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters("statement")
def sql(request: HttpRequest) -> HttpResponseBase:
    if not settings.ADMIN_SQL_PAGE:
        raise Http404("The SQL page is off: set ADMIN_SQL_PAGE=true to switch it on.")
    if not request.user.is_superuser:
        raise PermissionDenied
    form = StatementForm(request.POST if request.method == "POST" else None)
    answer, refusal, as_csv = None, "", "csv" in request.POST
    if form.is_valid():
        most_rows = spreadsheet.MOST_ROWS if as_csv else SHOWN_ROWS
        try:
            answer = sql_page.run(form.cleaned_data["statement"], user_id=request.user.pk, most_rows=most_rows)
        except StatementRefused as error:
            refusal = str(error)
    if answer is not None and as_csv:
        filename = f"sql-{timezone.now():%Y-%m-%d-%H%M%S}.csv"
        return spreadsheet.response(request, filename, answer.columns, answer.rows)
    context = {
        **admin.site.each_context(request),
        "title": "SQL",
        "form": form,
        "answer": answer,
        "refusal": refusal,
        "seconds": SECONDS,
        "shown_rows": SHOWN_ROWS,
        "most_rows": spreadsheet.MOST_ROWS,
    }
    return TemplateResponse(
        request, "admin/monitoring/sql.html", context, status=422 if refusal or form.errors else 200
    )
