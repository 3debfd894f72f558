"""Shapes of the reports. Money is in US dollars as exact JSON numbers."""

from rest_framework import serializers

from routing.domain.latency_histogram import Percentiles
from routing.domain.traffic import Traffic
from routing.selectors.reports import CacheStats, Part, RoutingMetrics, Stats
from routing.serializers.fields import RateField, UsdField
from routing.services.metrics_cache import MetricsCacheStats


class SavingsSerializer(serializers.Serializer[Traffic]):
    cost_usd = UsdField(help_text="What real providers charge, including failed requests that were billed.")
    baseline_cost_usd = UsdField(help_text="What the baseline model would have charged for the same tokens.")
    savings_usd = UsdField(help_text="Baseline cost less actual cost, real providers only.")
    savings_rate = RateField(allow_null=True, help_text="Savings as a share of the baseline's cost.")
    simulated_cost_usd = UsdField(help_text="Notional cost of simulated and embedded models; in no other figure.")
    simulated_savings_usd = UsdField(help_text="Notional savings of simulated and embedded models; in no other figure.")


class TrafficSerializer(SavingsSerializer):
    requests = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    success_rate = RateField(allow_null=True, help_text="Of the requests that have ended.")
    fallbacks = serializers.IntegerField(help_text="Requests served by another model than the one chosen first.")
    cache_hits = serializers.IntegerField()
    simulated_requests = serializers.IntegerField(help_text="Requests served by simulated or embedded models.")
    unpriced_requests = serializers.IntegerField(help_text="Requests whose cost is unknown.")
    estimated_requests = serializers.IntegerField(help_text="Requests whose tokens or cost are our estimate.")
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    avg_cost_usd = UsdField(allow_null=True)
    avg_latency_ms = serializers.DecimalField(max_digits=None, decimal_places=None, allow_null=True)


class ProviderPartSerializer(serializers.Serializer[Part]):
    provider = serializers.CharField(allow_null=True)
    traffic = TrafficSerializer()


class ModelPartSerializer(ProviderPartSerializer):
    model = serializers.CharField(allow_null=True)


class BaselineSerializer(serializers.Serializer[Part]):
    model = serializers.CharField()
    requests = serializers.IntegerField(source="traffic.requests")
    baseline_cost_usd = UsdField(source="traffic.baseline_cost_usd")
    savings_usd = UsdField(source="traffic.savings_usd")


class StatsSerializer(serializers.Serializer[Stats]):
    totals = TrafficSerializer()
    today_date = serializers.DateField(help_text="The current day in UTC.")
    today = TrafficSerializer()
    by_provider = ProviderPartSerializer(many=True)
    by_model = ModelPartSerializer(many=True)
    baseline_models = BaselineSerializer(many=True, help_text="The models that savings are measured against.")
    timestamp = serializers.DateTimeField()


class PercentilesSerializer(serializers.Serializer[Percentiles]):
    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)


class CostSavingsSerializer(serializers.Serializer[RoutingMetrics]):
    cost_usd = UsdField(source="totals.cost_usd")
    baseline_cost_usd = UsdField(source="totals.baseline_cost_usd")
    savings_usd = UsdField(source="totals.savings_usd")
    savings_rate = RateField(source="totals.savings_rate", allow_null=True)
    simulated_cost_usd = UsdField(source="totals.simulated_cost_usd")
    simulated_savings_usd = UsdField(source="totals.simulated_savings_usd")
    baseline_models = BaselineSerializer(many=True)


class RoutingMetricsSerializer(serializers.Serializer[RoutingMetrics]):
    total_decisions = serializers.IntegerField(source="totals.requests")
    strategy_performance = serializers.DictField(source="strategies", child=TrafficSerializer())
    confidence_distribution = serializers.DictField(source="confidences", child=serializers.IntegerField())
    provider_usage = serializers.DictField(source="providers", child=TrafficSerializer())
    pattern_distribution = serializers.DictField(source="patterns", child=serializers.IntegerField())
    cost_savings = CostSavingsSerializer(source="*")
    latency_ms = PercentilesSerializer(help_text="Of requests answered in full; within 1.6 % of the exact figures.")
    period_days = serializers.IntegerField()
    timestamp = serializers.DateTimeField()


class MetricsCacheStatsSerializer(serializers.Serializer[MetricsCacheStats]):
    entries = serializers.IntegerField(help_text="Reports that are kept now.")
    hits = serializers.IntegerField(help_text="Reports that were given without being computed.")
    misses = serializers.IntegerField(help_text="Reports that were computed.")
    hit_rate = RateField(allow_null=True)


class CacheStatsSerializer(serializers.Serializer[CacheStats]):
    entries = serializers.IntegerField(help_text="Answers that would be reused now.")
    hits = serializers.IntegerField()
    misses = serializers.IntegerField(help_text="Answers that came from a provider, cache on or off.")
    hit_rate = RateField(allow_null=True)
    cost_saved_usd = UsdField(source="cost_saved.savings_usd", help_text="Against the baseline model.")
    simulated_cost_saved_usd = UsdField(source="cost_saved.simulated_savings_usd")
    period_days = serializers.IntegerField()
