from django.http import HttpResponse
from django.utils import timezone
from django.utils.encoding import force_str
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import request_data
from accounts.permissions import IsAdminScopeOrStaff
from accounts.services import replica
from routing.selectors import reports
from routing.serializers.fields import DEFAULT_DAYS, DaysQuerySerializer
from routing.serializers.statistics import (
    CacheStatsSerializer,
    MetricsCacheStatsSerializer,
    RoutingMetricsSerializer,
    StatsSerializer,
)
from routing.services import metrics_cache
from routing.views.scope import team_id_of


class StatsView(APIView):
    @extend_schema(
        operation_id="stats",
        summary="Totals, today's cost, by provider and model",
        tags=["statistics"],
        responses=StatsSerializer,
    )
    def get(self, request: Request) -> Response:
        team_id, now = team_id_of(request), timezone.now()
        return Response(StatsSerializer(replica.read(lambda: reports.stats(team_id=team_id, now=now))).data)


class RoutingMetricsView(APIView):
    @extend_schema(
        operation_id="routing_metrics",
        summary="How traffic was routed lately, and what that saved; up to 30 seconds old",
        tags=["statistics"],
        parameters=[DaysQuerySerializer],
        responses=RoutingMetricsSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        team_id, days = team_id_of(request), _days(request)

        def compute() -> str:
            now = timezone.now()
            metrics = replica.read(lambda: reports.routing_metrics(team_id=team_id, days=days, now=now))
            return force_str(request.accepted_renderer.render(RoutingMetricsSerializer(metrics).data))

        found = metrics_cache.get(_cache_key(team_id, days), compute)
        return HttpResponse(found, content_type="application/json")


class CacheStatsView(APIView):
    @extend_schema(
        operation_id="cache_stats",
        summary="What the response cache holds and saved",
        tags=["statistics"],
        parameters=[DaysQuerySerializer],
        responses=CacheStatsSerializer,
    )
    def get(self, request: Request) -> Response:
        team_id, days, now = team_id_of(request), _days(request), timezone.now()
        stats = replica.read(lambda: reports.cache_stats(team_id=team_id, days=days, now=now))
        return Response(CacheStatsSerializer(stats).data)


class MetricsCacheStatsView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="metrics_cache_stats",
        summary="How often reports were computed, and how often kept ones were given",
        tags=["statistics"],
        responses=MetricsCacheStatsSerializer,
    )
    def get(self, request: Request) -> Response:
        return Response(MetricsCacheStatsSerializer(metrics_cache.stats()).data)


def _cache_key(team_id: int | None, days: int) -> str:
    if team_id is None and days == DEFAULT_DAYS:
        return "metrics:latest"
    return f"metrics:latest:team={'all' if team_id is None else team_id}:days={days}"


def _days(request: Request) -> int:
    return int(request_data.query(request, DaysQuerySerializer)["days"])
