"""Shapes of reviews, findings, answers and applied actions. Money is in US dollars as exact JSON numbers."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.serializers import StrictSerializer
from feedback.serializers.ratings import StrictBooleanField, StrictCharField
from insights.domain import review as rules
from insights.domain.answers import Answer
from insights.models import AppliedAction, Finding, Review, SuggestionFeedback
from insights.serializers.fields import TeamQuerySerializer
from insights.services.answers import Recorded
from insights.services.reviews import MOST_DAYS, WINDOW_DAYS
from learning.serializers.retraining import NanoUsdField

MOST_LISTED = 1000
_LARGEST_ID = 2**63 - 1


class NewReviewSerializer(StrictSerializer[Any]):
    window_days = serializers.IntegerField(
        min_value=1, max_value=MOST_DAYS, default=WINDOW_DAYS, help_text="UTC days to look at, today's included."
    )
    team = serializers.SlugField(required=False, max_length=64, help_text="For staff; a key reviews its own team.")


class PageQuerySerializer(TeamQuerySerializer):
    limit = serializers.IntegerField(min_value=1, max_value=MOST_LISTED, default=100)
    before = serializers.IntegerField(
        min_value=1, max_value=_LARGEST_ID, required=False, help_text="Only older than this id: for the next page."
    )


class FindingsQuerySerializer(PageQuerySerializer):
    status = serializers.ChoiceField(choices=Finding.Status.choices, required=False)
    category = serializers.ChoiceField(choices=Finding.Category.choices, required=False)
    severity = serializers.ChoiceField(choices=Finding.Severity.choices, required=False)
    finding_type = serializers.ChoiceField(choices=tuple(rules.DETECTORS), required=False)
    review = serializers.IntegerField(
        min_value=1, max_value=_LARGEST_ID, required=False, help_text="Only what this review raised, or saw last."
    )


class ReviewSerializer(serializers.ModelSerializer[Review]):
    team = serializers.SlugField(source="team.slug")
    cost_usd = NanoUsdField(source="cost_nano_usd", help_text="What real models cost in the window.")

    class Meta:
        model = Review
        fields = (
            "id",
            "team",
            "trigger",
            "actor",
            "state",
            "starts_on",
            "ends_before",
            "started_at",
            "finished_at",
            "requests",
            "cost_usd",
            "new_findings",
            "again_findings",
            "resolved_findings",
            "expired_findings",
            "error",
        )


class ActionSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    parameters = serializers.DictField()


class FindingSerializer(serializers.ModelSerializer[Finding]):
    team = serializers.SlugField(source="team.slug")
    review_id = serializers.IntegerField(allow_null=True, help_text="The review that raised it.")
    last_review_id = serializers.IntegerField(allow_null=True, help_text="The last review that saw it.")
    subject = serializers.DictField(help_text="What it is about; the same from one review to the next.")
    evidence = serializers.DictField(help_text="Figures of the window last reviewed, and example request ids.")
    action = ActionSerializer(allow_null=True, help_text="What the product can do; null where only people can.")
    estimated_monthly_savings_usd = NanoUsdField(source="estimated_monthly_savings_nano_usd", allow_null=True)

    class Meta:
        model = Finding
        fields = (
            "id",
            "team",
            "review_id",
            "last_review_id",
            "fingerprint",
            "finding_type",
            "category",
            "severity",
            "title",
            "subject",
            "evidence",
            "suggestion",
            "action",
            "confidence",
            "estimated_monthly_savings_usd",
            "assumption",
            "status",
            "created_at",
            "last_seen_on",
            "answered_at",
            "closed_at",
        )


class AnswerSerializer(serializers.ModelSerializer[SuggestionFeedback]):
    class Meta:
        model = SuggestionFeedback
        fields = ("id", "verdict", "reason", "actor", "created_at", "is_applied")


class AppliedActionSerializer(serializers.ModelSerializer[AppliedAction]):
    parameters = serializers.DictField()
    realized_savings_usd = NanoUsdField(
        source="realized_nano_usd", allow_null=True, help_text="Saved since; negative for a loss, null if not known."
    )

    class Meta:
        model = AppliedAction
        fields = (
            "id",
            "kind",
            "parameters",
            "applied_at",
            "applied_by",
            "reverted_at",
            "reverted_by",
            "revert_reason",
            "realized_savings_usd",
            "is_compared",
            "assumption",
            "measured_at",
        )


class FindingDetailSerializer(FindingSerializer):
    answers = AnswerSerializer(many=True, help_text="Newest first.")
    applied = AppliedActionSerializer(many=True, help_text="Newest first.")

    class Meta(FindingSerializer.Meta):
        fields = (*FindingSerializer.Meta.fields, "answers", "applied")  # type: ignore[assignment]


class NewAnswerSerializer(StrictSerializer[Any]):
    verdict = serializers.ChoiceField(choices=[answer.value for answer in Answer])
    reason = StrictCharField(max_length=1000, required=False, allow_blank=True, default="")
    apply = StrictBooleanField(
        default=False, help_text="Take the suggestion's action at once; needs the admin scope or staff."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["apply"] and attrs["verdict"] != Answer.ACCEPTED.value:
            raise serializers.ValidationError({"apply": ["Only an accepted suggestion can be applied."]})
        return attrs


class RecordedAnswerSerializer(serializers.Serializer[Recorded]):
    status = serializers.SerializerMethodField()
    feedback_id = serializers.IntegerField(source="feedback.id")
    finding_id = serializers.IntegerField(source="finding.id")
    verdict = serializers.CharField(source="feedback.verdict")
    reason = serializers.CharField(source="feedback.reason")
    finding_status = serializers.CharField(source="finding.status")
    applied = AppliedActionSerializer(allow_null=True, help_text="The action in force for this finding.")

    @extend_schema_field({"type": "string", "enum": ["recorded"]})
    def get_status(self, recorded: Recorded) -> str:
        return "recorded"


class RevertSerializer(StrictSerializer[Any]):
    reason = StrictCharField(max_length=1000, required=False, allow_blank=True, default="")
