"""Shapes of a team's insights. Money is in US dollars as exact JSON numbers, shares lie in [0, 1]."""

from datetime import date
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from insights.domain.acceptance import Rate
from insights.domain.learning_paths import LearningPath
from insights.domain.trends import WEEKS_BACK, Point, Trend, Week
from insights.models import PatternMetric, TeamMetric
from insights.selectors.team_metrics import OpenFindings, Realized
from insights.selectors.trends import MOST_WEEKS
from insights.selectors.weekly_report import Happened, Part, WeeklyReport
from insights.serializers.fields import DaysQuerySerializer, TeamQuerySerializer
from insights.serializers.reviews import ReviewSerializer
from insights.serializers.suggestions import SuggestionSerializer
from insights.services import reports
from learning.serializers.retraining import NanoUsdField
from routing.serializers.fields import UsdField
from routing.serializers.statistics import TrafficSerializer

_MOST_USD = Decimal(1_000_000)


class InsightSerializer(serializers.Serializer[Any]):
    """The base of what is kept for a while: ``stale`` is put before the rest as it is given out."""

    stale = serializers.BooleanField(read_only=True, default=False, help_text="Nothing newer can be had at present.")

    def to_representation(self, instance: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().to_representation(instance)
        return {name: value for name, value in found.items() if name != "stale"}


class TrendsQuerySerializer(TeamQuerySerializer):
    weeks = serializers.IntegerField(min_value=4, max_value=MOST_WEEKS, default=WEEKS_BACK, help_text="ISO weeks back.")


class RoiQuerySerializer(DaysQuerySerializer):
    product_usd_per_month = serializers.DecimalField(
        max_digits=15, decimal_places=9, min_value=Decimal(0), max_value=_MOST_USD, required=False
    )
    hour_usd = serializers.DecimalField(
        max_digits=15, decimal_places=9, min_value=Decimal(0), max_value=_MOST_USD, required=False
    )
    minutes_per_answer = serializers.IntegerField(min_value=0, max_value=10_000, required=False)
    minutes_per_change_by_hand = serializers.IntegerField(min_value=0, max_value=10_000, required=False)


class ReportQuerySerializer(TeamQuerySerializer):
    week = serializers.RegexField(
        r"^[0-9]{4}-W[0-9]{2}$", required=False, help_text="As 2026-W53; the last complete week unless given."
    )

    def validate_week(self, text: str) -> Week:
        year, _, number = text.partition("-W")
        try:
            date.fromisocalendar(int(year), int(number), 1)
        except ValueError as error:
            raise serializers.ValidationError(f"There is no ISO week {text}.") from error
        return Week(int(year), int(number))


class RateSerializer(serializers.Serializer[Rate]):
    accepted = serializers.IntegerField()
    rejected = serializers.IntegerField()
    ignored = serializers.IntegerField()
    rate = serializers.FloatField(help_text="Share accepted of those that said yes or no, drawn to a half.")


class OpenFindingsSerializer(serializers.Serializer[OpenFindings]):
    count = serializers.IntegerField()
    monthly_savings_usd = NanoUsdField(source="monthly_savings_nano_usd", help_text="At most: some share traffic.")
    by_category: Any = serializers.DictField(child=serializers.IntegerField())
    by_severity: Any = serializers.DictField(child=serializers.IntegerField())


class RealizedSerializer(serializers.Serializer[Realized]):
    actions = serializers.IntegerField()
    unmeasured = serializers.IntegerField(help_text="Too new to tell; they count as nothing.")
    savings_usd = NanoUsdField(source="nano_usd")


class TeamMetricSerializer(serializers.ModelSerializer[TeamMetric]):
    cost_usd = NanoUsdField(source="cost_nano_usd")
    savings_usd = NanoUsdField(source="savings_nano_usd")
    open_monthly_savings_usd = NanoUsdField(source="open_monthly_savings_nano_usd")
    realized_usd = NanoUsdField(source="realized_nano_usd")

    class Meta:
        model = TeamMetric
        fields = (
            "day",
            "requests",
            "cost_usd",
            "savings_usd",
            "open_findings",
            "open_monthly_savings_usd",
            "accepted",
            "rejected",
            "ignored",
            "realized_usd",
        )


class TeamMetricsSerializer(InsightSerializer):
    days = serializers.IntegerField()
    traffic = TrafficSerializer()
    ratings = serializers.IntegerField()
    mean_stars = serializers.FloatField(allow_null=True)
    open_findings = OpenFindingsSerializer()
    answers = RateSerializer(help_text="Newest answers of the last 180 days.")
    realized = RealizedSerializer(help_text="Of actions in force, since each was applied.")
    threshold = serializers.FloatField(help_text="Least confidence that is suggested.")
    last_review = ReviewSerializer(allow_null=True)
    history = TeamMetricSerializer(many=True, help_text="The last 30 days as they were kept, the oldest first.")
    computed_at = serializers.DateTimeField()


class PointSerializer(serializers.Serializer[Point]):
    week = serializers.CharField(help_text="As 2026-W53.")
    starts_on = serializers.DateField(source="week.starts_on")
    value = serializers.FloatField(allow_null=True)
    is_complete = serializers.BooleanField()


class WeeklyTrendSerializer(serializers.Serializer[Trend]):
    direction = serializers.ChoiceField(choices=("rising", "falling", "steady", "unknown"))
    slope_per_week = serializers.FloatField(allow_null=True, help_text="Median slope (Theil 1950, Sen 1968).")
    change = serializers.FloatField(allow_null=True, help_text="Over all weeks, as a share of their median.")
    p_value = serializers.FloatField(allow_null=True, help_text="Of no trend at all (Mann 1945, Kendall 1975).")
    points = PointSerializer(many=True)


class TeamTrendsSerializer(InsightSerializer):
    last_day = serializers.DateField()
    trends = serializers.DictField(child=WeeklyTrendSerializer(), source="by_metric")


class PatternSerializer(serializers.ModelSerializer[PatternMetric]):
    acceptance_rate = serializers.SerializerMethodField()
    rejection_rate = serializers.SerializerMethodField()

    class Meta:
        model = PatternMetric
        fields = (
            "finding_type",
            "kind",
            "occurrences",
            "accepted",
            "rejected",
            "acceptance_rate",
            "rejection_rate",
            "first_raised_at",
            "last_raised_at",
            "computed_at",
        )

    @extend_schema_field({"type": "number", "nullable": True})
    def get_acceptance_rate(self, row: PatternMetric) -> float | None:
        return _share(row.accepted, row.accepted + row.rejected)

    @extend_schema_field({"type": "number", "nullable": True})
    def get_rejection_rate(self, row: PatternMetric) -> float | None:
        return _share(row.rejected, row.accepted + row.rejected)


class PatternsSerializer(InsightSerializer):
    patterns = PatternSerializer(many=True)


class PathSerializer(serializers.Serializer[LearningPath]):
    place = serializers.IntegerField()
    finding_type = serializers.CharField()
    goal = serializers.CharField()
    reason = serializers.CharField()
    score = serializers.FloatField(help_text="Only for ordering.")
    findings = serializers.IntegerField()
    monthly_savings_usd = NanoUsdField(source="monthly_savings_nano_usd", help_text="At most: some share traffic.")
    steps = serializers.ListField(
        child=serializers.CharField(), help_text="Fingerprints of the suggestions to begin with."
    )


class PathsSerializer(InsightSerializer):
    """Of ``insights.selectors.paths.Paths``."""

    paths = PathSerializer(many=True)
    places_before = serializers.DictField(
        child=serializers.IntegerField(), help_text="Place of each type when paths were last kept, at night."
    )


class StatedSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.JSONField(help_text="A number, or the name of the figure it is about.")
    text = serializers.CharField()


class RoiSerializer(InsightSerializer):
    benefit_usd = NanoUsdField(source="benefit_nano_usd")
    routing_savings_usd = NanoUsdField(source="routing_savings_nano_usd")
    other_savings_usd = NanoUsdField(source="other_savings_nano_usd")
    realized_usd = NanoUsdField(source="realized_nano_usd", help_text="Of accepted suggestions, in the figures above.")
    cost_usd = NanoUsdField(source="cost_nano_usd")
    product_usd = NanoUsdField(source="product_nano_usd")
    time_usd = NanoUsdField(source="time_nano_usd")
    learning_usd = NanoUsdField(source="learning_nano_usd")
    net_usd = NanoUsdField(source="net_nano_usd")
    ratio = serializers.FloatField(allow_null=True, help_text="Net by cost; null where it cost nothing.")
    monthly_net_usd = NanoUsdField(source="monthly_net_nano_usd")
    unmeasured = serializers.IntegerField(help_text="Accepted suggestions whose saving cannot be told yet.")
    assumptions = StatedSerializer(many=True)


class HappenedSerializer(serializers.Serializer[Happened]):
    raised = serializers.IntegerField()
    resolved = serializers.IntegerField()
    accepted = serializers.IntegerField()
    rejected = serializers.IntegerField()
    ignored = serializers.IntegerField()
    actions_applied = serializers.IntegerField()
    actions_reverted = serializers.IntegerField()


class PartSerializer(serializers.Serializer[Part]):
    provider = serializers.CharField()
    model = serializers.CharField()
    requests = serializers.IntegerField(source="traffic.requests")
    cost_usd = UsdField(source="traffic.cost_usd")


class ReportSerializer(InsightSerializer):
    team = serializers.CharField()
    week = serializers.CharField()
    starts_on = serializers.DateField(source="week.starts_on")
    is_complete = serializers.BooleanField()
    traffic = TrafficSerializer()
    traffic_before = TrafficSerializer(help_text="Of the week before.")
    ratings = serializers.IntegerField()
    mean_stars = serializers.FloatField(allow_null=True)
    models = PartSerializer(many=True, help_text="Those that cost most.")
    happened = HappenedSerializer()
    open_findings = OpenFindingsSerializer()
    realized = RealizedSerializer()
    suggestions = SuggestionSerializer(many=True)
    paths = PathSerializer(many=True)
    anti_patterns = serializers.ListField(child=serializers.CharField())
    text = serializers.SerializerMethodField(help_text="The same as the plain text of an e-mail.")
    computed_at = serializers.DateTimeField()

    @extend_schema_field({"type": "string"})
    def get_text(self, report: WeeklyReport) -> str:
        return reports.as_text(report)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
