from django.contrib import admin
from unfold.decorators import display

from accounts.admin.base import ReadOnlyAdmin, dollars
from insights.models import AppliedAction, LearningMetric, PatternMetric, Review, SuggestionFeedback

State = Review.State


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "team",
        "labelled_state",
        "starts_on",
        "ends_before",
        "requests",
        "cost",
        "new_findings",
        "again_findings",
        "resolved_findings",
        "expired_findings",
        "trigger",
        "actor",
        "started_at",
    )
    list_filter = ("state", "trigger", "team")
    list_select_related = ("team",)

    @display(
        description="state",
        ordering="state",
        label={State.QUEUED: "info", State.RUNNING: "info", State.SUCCEEDED: "success", State.FAILED: "danger"},
    )
    def labelled_state(self, review: Review) -> str:
        return review.state

    @admin.display(description="cost", ordering="cost_nano_usd")
    def cost(self, review: Review) -> str:
        return dollars(review.cost_nano_usd)


@admin.register(SuggestionFeedback)
class SuggestionFeedbackAdmin(ReadOnlyAdmin):
    """What teams answered: append-only, and what is learned from."""

    list_display = ("finding", "team", "labelled_verdict", "is_applied", "reason", "actor", "created_at")
    list_filter = ("verdict", "category", "severity", "team")
    list_select_related = ("team", "finding")

    @display(
        description="verdict",
        ordering="verdict",
        label={"accepted": "success", "rejected": "danger", "ignored": "info"},
    )
    def labelled_verdict(self, answer: SuggestionFeedback) -> str:
        return answer.verdict


@admin.register(AppliedAction)
class AppliedActionAdmin(ReadOnlyAdmin):
    """What was applied; it is taken back on the page of its team."""

    list_display = ("kind", "team", "finding", "applied_by", "applied_at", "reverted_at", "realized", "is_compared")
    list_filter = (("reverted_at", admin.EmptyFieldListFilter), "is_compared", "team")
    list_select_related = ("team", "finding")

    @admin.display(description="saved so far", ordering="realized_nano_usd")
    def realized(self, applied: AppliedAction) -> str:
        return dollars(applied.realized_nano_usd)


@admin.register(LearningMetric)
class LearningMetricAdmin(ReadOnlyAdmin):
    list_display = ("kind", "team", "period", "samples", "value", "computed_at")
    list_filter = ("kind", "team")
    list_select_related = ("team",)


@admin.register(PatternMetric)
class PatternMetricAdmin(ReadOnlyAdmin):
    list_display = ("finding_type", "team", "kind", "occurrences", "accepted", "rejected", "last_raised_at")
    list_filter = ("kind", "team")
    list_select_related = ("team",)
