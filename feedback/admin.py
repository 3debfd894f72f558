from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display

from accounts.admin.base import BoundedPaginator, ReadOnlyAdmin, dollars
from feedback.models import ResponseFeedback
from feedback.services import linking


@admin.register(ResponseFeedback)
class ResponseFeedbackAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "created_at",
        "team",
        "stars",
        "is_correct",
        "is_helpful",
        "reward",
        "pattern",
        "provider",
        "served_model",
        "user_id",
        "linked",
        "ledger_entry",
    )
    list_filter = ("linked", "team", "source", "quality_score", "is_correct", "pattern", "is_cache_hit")
    list_select_related = ("team",)
    list_per_page = 50
    date_hierarchy = "created_at"
    search_fields = ("request_id",)
    search_help_text = "A whole request id, user, or model."
    exclude = ("idempotency_hash", "body_hash", "cost_nano_usd")
    readonly_fields = ("ledger_entry", "cost")
    sortable_by = ("created_at",)
    show_full_result_count = False
    paginator = BoundedPaginator

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ResponseFeedback], search_term: str
    ) -> tuple[QuerySet[ResponseFeedback], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q(request_id=term) | Q(user_id=term) | Q(served_model=term)
        if (ledger_id := linking.as_uuid(term)) is not None:
            wanted |= Q(ledger_request_id=ledger_id)
        return queryset.filter(wanted), False

    @display(description="stars", label={1: "danger", 2: "danger", 3: "warning", 4: "success", 5: "success"})
    def stars(self, feedback: ResponseFeedback) -> int:
        return feedback.quality_score

    @admin.display(description="ledger entry")
    def ledger_entry(self, feedback: ResponseFeedback) -> Any:
        if feedback.ledger_request_id is None:
            return feedback.request_id
        url = reverse("admin:routing_ledgerentry_change", args=(feedback.ledger_request_id,))
        return format_html('<a href="{}">{}</a>', url, feedback.request_id)

    @admin.display(description="cost")
    def cost(self, feedback: ResponseFeedback) -> str:
        return dollars(feedback.cost_nano_usd)
