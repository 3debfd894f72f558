from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from routing.selectors import reports
from routing.serializers.fields import DaysQuerySerializer
from routing.serializers.statistics import CacheStatsSerializer, RoutingMetricsSerializer, StatsSerializer
from routing.views.scope import team_id_of


class StatsView(APIView):
    @extend_schema(
        operation_id="stats",
        summary="Totals, today's cost, by provider and model",
        tags=["statistics"],
        responses=StatsSerializer,
    )
    def get(self, request: Request) -> Response:
        return Response(StatsSerializer(reports.stats(team_id=team_id_of(request), now=timezone.now())).data)


class RoutingMetricsView(APIView):
    @extend_schema(
        operation_id="routing_metrics",
        summary="How traffic was routed lately, and what that saved",
        tags=["statistics"],
        parameters=[DaysQuerySerializer],
        responses=RoutingMetricsSerializer,
    )
    def get(self, request: Request) -> Response:
        metrics = reports.routing_metrics(team_id=team_id_of(request), days=_days(request), now=timezone.now())
        return Response(RoutingMetricsSerializer(metrics).data)


class CacheStatsView(APIView):
    @extend_schema(
        operation_id="cache_stats",
        summary="What the response cache holds and saved",
        tags=["statistics"],
        parameters=[DaysQuerySerializer],
        responses=CacheStatsSerializer,
    )
    def get(self, request: Request) -> Response:
        stats = reports.cache_stats(team_id=team_id_of(request), days=_days(request), now=timezone.now())
        return Response(CacheStatsSerializer(stats).data)


def _days(request: Request) -> int:
    query = DaysQuerySerializer(data=request.query_params)
    query.is_valid(raise_exception=True)
    return int(query.validated_data["days"])
