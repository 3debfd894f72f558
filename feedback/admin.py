from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display

from accounts.admin import links
from accounts.admin.base import PeriodFilter, ReadOnlyAdmin, ReplicaList, as_uuid, dollars
from feedback.models import MetricEvent, ResponseFeedback
from routing.domain.prompt import PATTERNS


class RatedPeriodFilter(PeriodFilter):
    default = "week"


class StarsFilter(admin.SimpleListFilter):
    """The stars there are, without asking a large table for them."""

    title = "stars"
    parameter_name = "quality_score"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(stars), f"{stars} of 5") for stars in range(1, 6)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(quality_score=value) if value in ("1", "2", "3", "4", "5") else queryset


class PatternFilter(admin.SimpleListFilter):
    """The patterns there are, without asking a large table for them."""

    title = "pattern"
    parameter_name = "pattern"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(pattern, pattern) for pattern in PATTERNS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(pattern=self.value()) if self.value() in PATTERNS else queryset


@admin.register(ResponseFeedback)
class ResponseFeedbackAdmin(ReplicaList, ReadOnlyAdmin):
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
    list_filter = (
        RatedPeriodFilter,
        "linked",
        "team",
        "source",
        StarsFilter,
        "is_correct",
        PatternFilter,
        "is_cache_hit",
    )
    list_select_related = ("team",)
    list_per_page = 50
    search_fields = ("request_id",)
    search_help_text = "A whole request id; or a user or model, within the period."
    exclude = ("idempotency_hash", "body_hash", "cost_nano_usd", "policy_version", "experiment_id")
    readonly_fields = ("ledger_entry", "cost", "policy", "experiment")
    sortable_by = ("created_at",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ResponseFeedback], search_term: str
    ) -> tuple[QuerySet[ResponseFeedback], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if (ledger_id := as_uuid(term)) is not None:
            return queryset.filter(Q(ledger_request_id=ledger_id) | Q(linked=False, request_id=term)), False
        return queryset.filter(Q(user_id=term) | Q(served_model=term) | Q(linked=False, request_id=term)), False

    @display(description="stars", label={1: "danger", 2: "danger", 3: "warning", 4: "success", 5: "success"})
    def stars(self, feedback: ResponseFeedback) -> int:
        return feedback.quality_score

    @admin.display(description="ledger entry")
    def ledger_entry(self, feedback: ResponseFeedback) -> Any:
        if feedback.ledger_request_id is None:
            return feedback.request_id
        url = reverse("admin:routing_ledgerentry_change", args=(feedback.ledger_request_id,))
        return format_html('<a href="{}">{}</a>', url, feedback.request_id)

    @admin.display(description="policy")
    def policy(self, feedback: ResponseFeedback) -> str:
        version = feedback.policy_version
        return "-" if version is None else links.to_page("routing.policyversion", version, f"policy {version}")

    @admin.display(description="experiment")
    def experiment(self, feedback: ResponseFeedback) -> str:
        number = feedback.experiment_id
        return "-" if number is None else links.to_page("experiments.experiment", number, f"experiment {number}")

    @admin.display(description="cost")
    def cost(self, feedback: ResponseFeedback) -> str:
        return dollars(feedback.cost_nano_usd)


@admin.register(MetricEvent)
class MetricEventAdmin(ReplicaList, ReadOnlyAdmin):
    """Telemetry events, as applications sent them."""

    list_display = ("occurred_at", "type", "team", "user_id", "received_at")
    list_filter = ("team",)
    list_select_related = ("team",)
    search_fields = ("type__exact", "user_id__exact")
