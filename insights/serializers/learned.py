"""Shapes of what was learned from a team's answers."""

from typing import Any

from rest_framework import serializers

from insights.domain.acceptance import Acceptance
from insights.domain.calibration import Bin
from insights.models import LearningMetric
from insights.serializers.fields import TeamQuerySerializer
from insights.serializers.insights import RateSerializer


class MetricsQuerySerializer(TeamQuerySerializer):
    kind = serializers.ChoiceField(choices=LearningMetric.Kind.choices, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)


class BinSerializer(serializers.Serializer[Bin]):
    low = serializers.FloatField()
    high = serializers.FloatField()
    count = serializers.IntegerField()
    mean_confidence = serializers.FloatField(allow_null=True)
    accepted_share = serializers.FloatField(allow_null=True)


class LearningMetricSerializer(serializers.ModelSerializer[LearningMetric]):
    figures = serializers.DictField()

    class Meta:
        model = LearningMetric
        fields = ("kind", "period", "samples", "value", "figures", "computed_at")


class CalibrationSerializer(serializers.Serializer[Any]):
    samples = serializers.IntegerField(help_text="Answers that said yes or no, of the last 180 days.")
    expected_error = serializers.FloatField(allow_null=True, help_text="Of the confidence before the curve.")
    brier_score = serializers.FloatField(allow_null=True)
    bins = BinSerializer(many=True)
    curve = serializers.ListField(
        child=serializers.FloatField(), help_text="Calibrated confidence at 0, at the middle of each bin, and at 1."
    )
    threshold = serializers.FloatField(help_text="Least confidence that is suggested.")
    threshold_history = LearningMetricSerializer(many=True, help_text="One for each ISO week, newest first.")


class CellSerializer(RateSerializer):
    category = serializers.CharField()
    severity = serializers.CharField()


class TypeRateSerializer(RateSerializer):
    finding_type = serializers.CharField()


class AcceptanceSerializer(serializers.Serializer[Acceptance]):
    overall = RateSerializer()
    by_category_and_severity = CellSerializer(many=True)
    by_type = TypeRateSerializer(many=True)


class LearningMetricsSerializer(serializers.Serializer[Any]):
    acceptance = AcceptanceSerializer(help_text="Of the newest answers of the last 180 days.")
    history = LearningMetricSerializer(many=True, help_text="What was computed for each period, newest first.")
