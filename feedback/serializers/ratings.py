"""Shapes of ratings. What comes in is taken literally: "5", 5.0 and true are no number of stars."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.serializers import StrictSerializer
from feedback.domain import metrics as client_metrics
from feedback.models import ResponseFeedback
from feedback.selectors.summary import FeedbackSummary, ModelTally, Tally
from feedback.services.ratings import Recorded
from feedback.services.tokens import Issued

MAX_NAME_CHARACTERS = 200
MAX_COMMENT_CHARACTERS = 1000
THANKS = "Thank you for feedback"


class StarsField(serializers.IntegerField):
    """A whole number of stars, 1 to 5."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=5, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return data


class StrictBooleanField(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class StrictCharField(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {"oneOf": [{"type": "boolean"}, {"type": "number"}]},
        "maxProperties": 20,
    }
)
class MetricsField(serializers.Field[Any, Any, Any, Any]):
    """Values measured by the client, by name."""

    default_error_messages = {
        "invalid": "Use an object of names and values.",
        "too_many": f"Send at most {client_metrics.MAX_METRICS} metrics, not {{count}}.",
    }

    def to_internal_value(self, data: Any) -> dict[str, client_metrics.MetricValue]:
        if not isinstance(data, dict):
            self.fail("invalid")
        if len(data) > client_metrics.MAX_METRICS:
            self.fail("too_many", count=len(data))
        if problems := client_metrics.problems(data):
            raise serializers.ValidationError({name: [problem] for name, problem in problems.items()})
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class RatingSerializer(StrictSerializer[Any]):
    request_id = StrictCharField(
        required=False,
        max_length=MAX_NAME_CHARACTERS,
        help_text="The `x-request-id` of the answer. Required, unless a token says it.",
    )
    token = StrictCharField(
        required=False, max_length=MAX_NAME_CHARACTERS, help_text="In place of `request_id` and of an API key."
    )
    quality_score = StarsField(help_text="Stars, 1 to 5.")
    is_correct = StrictBooleanField(allow_null=True, help_text="null when it is not known.")
    is_helpful = StrictBooleanField(required=False, allow_null=True, default=None)
    metrics = MetricsField(required=False, default=dict, help_text="At most 20 booleans and numbers by name.")
    comment = StrictCharField(
        required=False, allow_blank=True, allow_null=True, default="", max_length=MAX_COMMENT_CHARACTERS
    )
    user_id = StrictCharField(required=False, allow_null=True, default=None, max_length=MAX_NAME_CHARACTERS)
    session_id = StrictCharField(required=False, allow_null=True, default=None, max_length=MAX_NAME_CHARACTERS)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "token" not in attrs:
            if "request_id" not in attrs:
                raise serializers.ValidationError({"request_id": ["This field is required."]}, code="required")
            return attrs
        for name in ("request_id", "user_id"):
            if attrs.get(name) is not None:
                raise serializers.ValidationError(
                    {name: ["Leave this out: the token says which request is rated, and whose."]}, code="conflict"
                )
        return attrs


class RecordedFeedbackSerializer(serializers.Serializer[Recorded]):
    status = serializers.CharField(default="recorded")
    feedback_id = serializers.IntegerField(source="feedback.id")
    message = serializers.CharField(default=THANKS)
    linked = serializers.BooleanField(
        source="feedback.linked", help_text="Whether the request is known and has ended: only then is it learned from."
    )
    request_id = serializers.CharField(source="feedback.request_id")


class FeedbackSerializer(serializers.ModelSerializer[ResponseFeedback]):
    feedback_id = serializers.IntegerField(source="id")
    model = serializers.CharField(source="served_model", allow_null=True)

    class Meta:
        model = ResponseFeedback
        fields = (
            "feedback_id",
            "request_id",
            "created_at",
            "source",
            "quality_score",
            "is_correct",
            "is_helpful",
            "metrics",
            "reward",
            "comment",
            "user_id",
            "session_id",
            "linked",
            "requested_at",
            "pattern",
            "task",
            "provider",
            "model",
            "strategy",
            "policy_version",
            "complexity_score",
            "propensity",
            "is_cache_hit",
            "is_fallback",
            "experiment_id",
        )
        read_only_fields = fields


class FeedbackTokenRequestSerializer(StrictSerializer[Any]):
    request_id = StrictCharField(max_length=MAX_NAME_CHARACTERS, help_text="The `x-request-id` of an answer.")


class FeedbackTokenSerializer(serializers.Serializer[Issued]):
    token = serializers.CharField()
    request_id = serializers.UUIDField()
    expires_at = serializers.DateTimeField()


class FeedbackSummaryQuerySerializer(serializers.Serializer[Any]):
    team = serializers.SlugField(required=False, max_length=64, help_text="Only this team's ratings; staff only.")


class FeedbackPartSerializer(serializers.Serializer[Tally]):
    count = serializers.IntegerField()
    avg_score = serializers.FloatField(help_text="Stars.")


class RatedModelSerializer(serializers.Serializer[ModelTally]):
    selected_model = serializers.CharField()
    provider = serializers.CharField()
    count = serializers.IntegerField(source="tally.count")
    avg_quality = serializers.FloatField(source="tally.avg_score", help_text="Stars.")
    correctness_rate = serializers.FloatField(
        source="tally.correctness_rate",
        allow_null=True,
        help_text="Share of the ratings that say whether the answer is correct; null without any.",
    )


class FeedbackSummarySerializer(serializers.Serializer[FeedbackSummary]):
    total_feedback = serializers.IntegerField()
    avg_quality_score = serializers.FloatField(help_text="Stars; 0 when there are none.")
    models = RatedModelSerializer(many=True)
    by_model = serializers.DictField(child=FeedbackPartSerializer())
    by_query_pattern = serializers.DictField(child=FeedbackPartSerializer())
    unlinked_feedback = serializers.IntegerField()
