"""Shapes of the learning API. Money is in US dollars as exact JSON numbers, shares lie in [0, 1] unless they say %."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from accounts.serializers import StrictSerializer
from learning.models import LearningAlert, ModelPerformance
from learning.selectors.status import LearningStatus, Target
from learning.services.retraining import RetrainingReport
from routing.domain.pricing import from_nano_usd
from routing.domain.prompt import PATTERNS
from routing.models import PolicyActivation
from routing.serializers.fields import UsdField


class NanoUsdField(UsdField):
    """Nano-dollars within, dollars without."""

    def to_representation(self, value: Any) -> Any:
        return super().to_representation(from_nano_usd(value))


class PercentField(serializers.CharField):
    """A share as people read it: 0.325 is "32.5%"."""

    def to_representation(self, value: Any) -> str:
        return f"{value:.1%}"


class ScopeQuerySerializer(StrictSerializer[Any]):
    team = serializers.SlugField(
        required=False, max_length=64, help_text="Staff: the team whose own policy is meant, if it learns alone."
    )


class RetrainQuerySerializer(ScopeQuerySerializer):
    dry_run = serializers.BooleanField(default=True, help_text="true: only tell what would change.")
    min_samples = serializers.IntegerField(
        required=False, min_value=1, max_value=1_000_000, help_text="Ratings a newly chosen model needs, if over 5."
    )
    # A decimal, because a float would let NaN pass.
    confidence_threshold = serializers.DecimalField(
        required=False,
        max_digits=9,
        decimal_places=8,
        min_value=Decimal(0),
        max_value=Decimal(1),
        help_text="Confidence score a newly chosen model needs.",
    )


class TrendsQuerySerializer(ScopeQuerySerializer):
    pattern = serializers.ChoiceField(choices=PATTERNS)
    limit = serializers.IntegerField(default=20, min_value=1, max_value=1000)


class RollbackSerializer(StrictSerializer[Any]):
    version = serializers.IntegerField(min_value=1, max_value=2_147_483_647)
    reason = serializers.CharField(default="", allow_blank=True, max_length=400)


class ExpectedEffectSerializer(serializers.Serializer[Any]):
    avg_cost_usd_before = NanoUsdField(source="avg_cost_nano_usd_before", allow_null=True)
    avg_cost_usd_after = NanoUsdField(source="avg_cost_nano_usd_after", allow_null=True)
    avg_quality_before = serializers.FloatField(allow_null=True, help_text="Mean stars, 1 to 5.")
    avg_quality_after = serializers.FloatField(allow_null=True)


class ChangeSerializer(serializers.Serializer[Any]):
    pattern = serializers.CharField()
    action = serializers.ChoiceField(choices=("set", "replace", "revoke", "confidence"))
    provider = serializers.CharField(allow_null=True, help_text="null where the override is revoked.")
    model = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True, help_text="The model before, as provider/name.")
    confidence = serializers.CharField(allow_null=True)
    confidence_score = serializers.FloatField(allow_null=True)
    sample_count = serializers.IntegerField(allow_null=True)
    avg_quality = serializers.FloatField(allow_null=True, help_text="Mean stars, 1 to 5.")
    correctness_rate = serializers.FloatField(allow_null=True)
    reason = serializers.CharField()
    expected_effect = ExpectedEffectSerializer()


class SkippedSerializer(serializers.Serializer[Any]):
    pattern = serializers.CharField()
    provider = serializers.CharField()
    model = serializers.CharField()
    confidence = serializers.CharField()
    confidence_score = serializers.FloatField()
    sample_count = serializers.IntegerField()
    avg_quality = serializers.FloatField(help_text="Mean stars, 1 to 5.")
    correctness_rate = serializers.FloatField(allow_null=True)
    why = serializers.CharField()


class RetrainingReportSerializer(serializers.Serializer[RetrainingReport]):
    run_id = serializers.UUIDField(help_text="That of a dry run names nothing that is stored.")
    timestamp = serializers.DateTimeField()
    dry_run = serializers.BooleanField()
    candidates = serializers.IntegerField(help_text="Models judged, once for each pattern.")
    patterns_updated = serializers.IntegerField()
    total_changes = serializers.IntegerField()
    changes = ChangeSerializer(many=True)
    skipped = SkippedSerializer(many=True)
    policy_version_before = serializers.IntegerField(allow_null=True)
    policy_version = serializers.IntegerField(allow_null=True, help_text="What routes now; null for complexity.")


class ActivationSerializer(serializers.Serializer[PolicyActivation]):
    version = serializers.IntegerField(source="policy_id", help_text="What routes now.")
    replaced = serializers.IntegerField(source="replaced_id", allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    activated_at = serializers.DateTimeField()


class TargetSerializer(serializers.Serializer[Target]):
    target = serializers.CharField()
    current = serializers.FloatField(allow_null=True)
    is_met = serializers.BooleanField()


class AlertSerializer(serializers.Serializer[LearningAlert]):
    kind = serializers.ChoiceField(choices=LearningAlert.Kind.choices)
    pattern = serializers.CharField()
    message = serializers.CharField()
    raised_at = serializers.DateTimeField()


class LearningStatusSerializer(serializers.Serializer[LearningStatus]):
    last_retraining_run = serializers.DateTimeField(source="last_retrained_at", allow_null=True)
    last_retrain = serializers.DateTimeField(
        source="last_retrained_at", allow_null=True, help_text="The same under its other name."
    )
    next_scheduled_run = serializers.DateTimeField(allow_null=True)
    confidence_distribution = serializers.DictField(
        child=serializers.IntegerField(), help_text="Models judged by the last run, by level."
    )
    total_patterns = serializers.IntegerField(source="patterns_seen", help_text="Seen in the last 30 days.")
    total_overrides = serializers.IntegerField(source="overrides")
    recommendation_coverage = PercentField(source="pattern_coverage", help_text="Of the patterns seen, with override.")
    traffic_coverage = PercentField(help_text="Of the last 30 days' requests, in patterns with an override.")
    targets = serializers.DictField(child=TargetSerializer())
    policy_version = serializers.IntegerField(allow_null=True)
    alerts = AlertSerializer(many=True, help_text="Those not resolved.")
    frozen_patterns = serializers.ListField(child=serializers.CharField())


class TrendSerializer(serializers.Serializer[ModelPerformance]):
    provider = serializers.CharField()
    model = serializers.CharField()
    avg_quality_score = serializers.FloatField(help_text="Mean stars, 1 to 5.")
    correctness_rate = serializers.FloatField(allow_null=True)
    sample_count = serializers.IntegerField()
    confidence_level = serializers.CharField()
    avg_cost = NanoUsdField(source="avg_cost_nano_usd", allow_null=True)
    updated_at = serializers.DateTimeField()
    retraining_run_id = serializers.UUIDField(source="run_id")


class TrendsSerializer(serializers.Serializer[Any]):
    pattern = serializers.CharField()
    trends = TrendSerializer(many=True)
