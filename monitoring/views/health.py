from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitoring.serializers.health import (
    HealthSerializer,
    JobsHealthSerializer,
    LearningHealthSerializer,
    LivenessSerializer,
    MetricsHealthSerializer,
    ReadinessSerializer,
)
from monitoring.services import health, metrics_health, work_health

RETRY_LATER = {"Retry-After": "5"}


class _ProbeView(APIView):
    """Open to everyone and independent of sessions, which live in the database that is being checked."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class HealthView(_ProbeView):
    @extend_schema(
        operation_id="health",
        summary="Whether requests can be answered, and what stands in the way",
        responses={200: HealthSerializer, 503: HealthSerializer},
    )
    def get(self, request: Request) -> Response:
        found = health.check()
        is_usable = found.status != "unhealthy"
        return _answer(HealthSerializer(found).data, is_good=is_usable)


class LivenessView(_ProbeView):
    @extend_schema(operation_id="liveness", summary="Whether the process runs", responses=LivenessSerializer)
    def get(self, request: Request) -> Response:
        return Response({"status": "alive"})


class MetricsHealthView(_ProbeView):
    @extend_schema(
        operation_id="metrics_health",
        summary="Whether telemetry events can be stored, and how much is",
        tags=["metrics"],
        responses={200: MetricsHealthSerializer, 503: MetricsHealthSerializer},
    )
    def get(self, request: Request) -> Response:
        found = metrics_health.check()
        return _answer(MetricsHealthSerializer(found).data, is_good=found.status == "healthy")


class ReadinessView(_ProbeView):
    @extend_schema(
        operation_id="readiness",
        summary="Whether traffic should be sent here",
        responses={200: ReadinessSerializer, 503: ReadinessSerializer},
    )
    def get(self, request: Request) -> Response:
        database, gateway = health.database_status(), health.gateway_status()
        is_ready = database == "ok" and gateway != "draining"
        found = {"status": "ready" if is_ready else "not_ready", "database": database, "gateway": gateway}
        return _answer(ReadinessSerializer(found).data, is_good=is_ready)


class LearningHealthView(_ProbeView):
    @extend_schema(
        operation_id="learning_health",
        summary="Whether learning does its work, component by component",
        responses={200: LearningHealthSerializer, 503: LearningHealthSerializer},
    )
    def get(self, request: Request) -> Response:
        try:
            found = work_health.learning()
        except work_health.NotKnown:
            return _answer({"status": "unhealthy", "components": {}, "metrics": None}, is_good=False)
        return _answer(LearningHealthSerializer(found).data, is_good=found.status != "unhealthy")


class JobsHealthView(_ProbeView):
    @extend_schema(
        operation_id="jobs_health",
        summary="Whether scheduled work is done, and what waits or has failed",
        responses={200: JobsHealthSerializer, 503: JobsHealthSerializer},
    )
    def get(self, request: Request) -> Response:
        try:
            found = work_health.jobs()
        except work_health.NotKnown:
            return _answer({"status": "unhealthy", "last_sweep_at": None}, is_good=False)
        return _answer(JobsHealthSerializer(found).data, is_good=found.status != "unhealthy")


def _answer(data: object, *, is_good: bool) -> Response:
    return Response(data) if is_good else Response(data, status=503, headers=RETRY_LATER)
