"""What the admin's start page shows above the list of its tables."""

from typing import Any

from django.conf import settings
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from monitoring.selectors import start_page
from monitoring.selectors.attention import Concern


def add_figures(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the figures and concerns to the page's context; concerns of tables that a person may not see are left out."""
    page = start_page.start_page(timezone.now())
    shown = [(concern, _address(concern)) for concern in page.concerns if may_view(request, concern.model)]
    return {
        **context,
        "title": "Start page",
        "start": page,
        "concerns": shown,
        "sql_page_is_open": settings.ADMIN_SQL_PAGE and request.user.is_superuser,
        "base_url": f"{request.scheme}://{request.get_host()}",
    }


def may_view(request: HttpRequest, model: type[Model]) -> bool:
    """Say whether the person who asks may see rows of a table in the admin."""
    label, name = model._meta.app_label, model._meta.model_name
    return any(request.user.has_perm(f"{label}.{verb}_{name}") for verb in ("view", "change"))


def _address(concern: Concern) -> str:
    name = f"admin:{concern.model._meta.app_label}_{concern.model._meta.model_name}"
    if concern.pk is not None:
        return reverse(f"{name}_change", args=(concern.pk,))
    address = reverse(f"{name}_changelist")
    return f"{address}?{concern.query}" if concern.query else address
