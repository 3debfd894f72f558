from django.urls import path

from routing.views.catalog import ModelListView, ModelView, ProviderListView
from routing.views.decisions import DecisionView, ExplanationView, RecommendationView
from routing.views.statistics import CacheStatsView, MetricsCacheStatsView, RoutingMetricsView, StatsView

urlpatterns = [
    path("v1/models", ModelListView.as_view()),
    path("v1/models/<path:model_id>", ModelView.as_view()),
    path("providers", ProviderListView.as_view()),
    path("recommendation", RecommendationView.as_view()),
    path("routing/decision", DecisionView.as_view()),
    path("routing/decision/<uuid:request_id>", ExplanationView.as_view()),
    path("routing/metrics", RoutingMetricsView.as_view()),
    path("stats", StatsView.as_view()),
    path("cache/stats", CacheStatsView.as_view()),
    path("metrics-cache/stats", MetricsCacheStatsView.as_view()),
]
