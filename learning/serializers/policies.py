"""Shapes of the API of policies and their evaluations."""

from typing import Any

from rest_framework import serializers

from accounts.serializers import StrictSerializer
from learning.models import PolicyEvaluation
from learning.serializers.retraining import ScopeQuerySerializer
from routing.models import PolicyVersion

LARGEST_VERSION = 2_147_483_647


class EvaluationsQuerySerializer(ScopeQuerySerializer):
    version = serializers.IntegerField(
        required=False, min_value=1, max_value=LARGEST_VERSION, help_text="Only evaluations of this policy."
    )
    limit = serializers.IntegerField(default=20, min_value=1, max_value=200)


class PoliciesQuerySerializer(ScopeQuerySerializer):
    limit = serializers.IntegerField(default=50, min_value=1, max_value=200)


class EvaluateSerializer(StrictSerializer[Any]):
    version = serializers.IntegerField(min_value=1, max_value=LARGEST_VERSION)


class PromoteSerializer(EvaluateSerializer):
    reason = serializers.CharField(max_length=400, help_text="Kept with the activation.")


class ConditionSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    held = serializers.BooleanField()
    text = serializers.CharField()


class EvaluationSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    version = serializers.IntegerField(source="candidate_id")
    compared_with = serializers.IntegerField(
        source="compared_with_id", allow_null=True, help_text="The policy active then; null for complexity."
    )
    evaluated_at = serializers.DateTimeField()
    window_start = serializers.DateTimeField()
    window_end = serializers.DateTimeField()
    decisions = serializers.IntegerField(help_text="Rated decisions that could be used.")
    is_reliable = serializers.SerializerMethodField(help_text="While false, no estimate means anything.")
    estimates = serializers.JSONField(
        help_text="quality (reward in [0, 1]) and cost (USD a request); in each target, active and difference, by "
        "estimator: value, the two-sided 95 % interval low to high, and the one-sided bounds at_least and at_most."
    )
    overlap = serializers.JSONField(help_text="How much the log can say of the candidate.")
    facts = serializers.JSONField(help_text="What else the gate went by.")
    verdict = serializers.ChoiceField(choices=PolicyEvaluation.Verdict.choices)
    reasons = ConditionSerializer(many=True)
    decided_by = serializers.CharField(allow_blank=True, help_text="Empty where the gate decided.")

    def get_is_reliable(self, evaluation: PolicyEvaluation) -> bool:
        return bool(evaluation.overlap.get("is_reliable", False))


class PolicyVersionSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    state = serializers.ChoiceField(choices=PolicyVersion.State.choices)
    # The field's name is also an attribute of REST framework's own, of another type.
    source = serializers.ChoiceField(choices=PolicyVersion.Source.choices)  # type: ignore[assignment]
    content_hash = serializers.CharField()
    predictor_hash = serializers.CharField(source="predictor.sha256", default=None, allow_null=True)
    note = serializers.CharField(allow_blank=True)
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    activated_at = serializers.ListField(
        child=serializers.DateTimeField(), source="activation_times", help_text="When it began to route, newest first."
    )
