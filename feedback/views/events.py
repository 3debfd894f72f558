from typing import Any

from django.http import Http404, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from accounts import request_data
from accounts.models import Team
from accounts.permissions import request_team, team_meant
from accounts.services import replica
from feedback.selectors import events as stored_events
from feedback.selectors.events import Wanted
from feedback.serializers.events import (
    EventBatchSerializer,
    EventExportQuerySerializer,
    EventFilterSerializer,
    EventListQuerySerializer,
    EventSerializer,
    EventStatsSerializer,
    MetricEventListSerializer,
    MetricEventSerializer,
    StoredEventsSerializer,
    batch_of,
)
from feedback.services import events
from feedback.views import event_export
from feedback.views.callers import calling_key
from routing.services import database_clock

_TAGS = ["metrics"]


class MetricEventsView(APIView):
    @extend_schema(
        operation_id="store_metrics",
        summary="Store telemetry events: one, a list, or {metrics: […]}; all of them or none",
        tags=_TAGS,
        request=PolymorphicProxySerializer(
            component_name="MetricEvents",
            serializers=[EventBatchSerializer, EventSerializer],
            resource_type_field_name=None,
        ),
        responses=StoredEventsSerializer,
    )
    def post(self, request: Request) -> Response:
        team = _sender(request)
        body = EventBatchSerializer(data=batch_of(request.data))
        body.is_valid(raise_exception=True)
        rows = events.store(team, body.validated_data["metrics"], now=database_clock.now())
        return Response(StoredEventsSerializer({"stored": len(rows), "ids": [row.id for row in rows]}).data)

    @extend_schema(
        operation_id="list_metrics",
        summary="The newest telemetry events of the team",
        tags=_TAGS,
        parameters=[EventListQuerySerializer],
        responses=MetricEventListSerializer,
    )
    def get(self, request: Request) -> Response:
        asked, wanted = _asked(request, EventListQuerySerializer)
        rows = stored_events.latest(wanted, asked["limit"])
        return Response(MetricEventListSerializer({"count": len(rows), "metrics": rows}).data)


class MetricEventView(APIView):
    @extend_schema(
        operation_id="retrieve_metric",
        summary="One telemetry event of the team",
        tags=_TAGS,
        responses=MetricEventSerializer,
    )
    def get(self, request: Request, event_id: int) -> Response:
        found = stored_events.find(event_id, request_team(request))
        if found is None:
            raise Http404(f"There is no metric {event_id}.")
        return Response(MetricEventSerializer(found).data)


class MetricEventStatsView(APIView):
    @extend_schema(
        operation_id="metric_stats",
        summary="How many telemetry events there are, by type",
        tags=_TAGS,
        parameters=[EventFilterSerializer],
        responses=EventStatsSerializer,
    )
    def get(self, request: Request) -> Response:
        _, wanted = _asked(request, EventFilterSerializer)
        return Response(EventStatsSerializer(replica.read(lambda: stored_events.stats(wanted))).data)


class MetricEventExportView(APIView):
    @extend_schema(
        operation_id="export_metrics",
        summary="All telemetry events as CSV or JSON lines, streamed",
        tags=_TAGS,
        parameters=[EventExportQuerySerializer],
        responses={(200, "text/csv"): OpenApiTypes.STR, (200, "application/x-ndjson"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        asked, wanted = _asked(request, EventExportQuerySerializer)
        events = replica.rows(lambda: stored_events.in_order(wanted))
        return event_export.response(request._request, events, asked["format"])

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        # Here ``format`` names a form of the export; REST framework would look for a renderer of that name.
        renderer = self.get_renderers()[0]
        return renderer, renderer.media_type


def _sender(request: Request) -> Team:
    api_key = calling_key(request)
    if api_key is not None:
        return api_key.team
    raise PermissionDenied("Events belong to a team: send the API key of one.")


def _asked(request: Request, serializer: type[Serializer[Any]]) -> tuple[dict[str, Any], Wanted]:
    asked = request_data.query(request, serializer)
    conditions = {name: asked.get(name) for name in ("type", "user_id", "since", "until")}
    return asked, Wanted(team_meant(request, asked.get("team")), **conditions)
