from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import request_data
from accounts.permissions import IsAdminScopeOrStaff, request_actor
from learning.models import RetrainingRun
from learning.selectors import history, status
from learning.serializers.retraining import (
    ActivationSerializer,
    LearningStatusSerializer,
    RetrainingReportSerializer,
    RetrainQuerySerializer,
    RollbackSerializer,
    ScopeQuerySerializer,
    TrendsQuerySerializer,
    TrendsSerializer,
)
from learning.services import retraining
from learning.views import scope as request_scope
from routing.services import database_clock, policies


class LearningStatusView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="learning_status",
        summary="What routing has learned, when it learns next, and what stands in the way",
        tags=["learning"],
        parameters=[ScopeQuerySerializer],
        responses=LearningStatusSerializer,
    )
    def get(self, request: Request) -> Response:
        asked = request_data.query(request, ScopeQuerySerializer)
        return Response(
            LearningStatusSerializer(status.status(request_scope.scope(request, asked), now=database_clock.now())).data
        )


class RetrainView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)
    takes_query = True

    @extend_schema(
        operation_id="learning_retrain",
        summary="Judge the ratings and route by them; unless dry_run=false only tell what would change",
        tags=["learning"],
        parameters=[RetrainQuerySerializer],
        request=None,
        responses=RetrainingReportSerializer,
    )
    def post(self, request: Request) -> Response:
        asked = request_data.query(request, RetrainQuerySerializer)
        threshold = asked.get("confidence_threshold")
        report = retraining.retrain(
            team=request_scope.scope(request, asked),
            trigger=RetrainingRun.Trigger.API,
            actor=request_actor(request),
            dry_run=asked["dry_run"],
            min_samples=asked.get("min_samples"),
            confidence_threshold=None if threshold is None else float(threshold),
            now=database_clock.now(),
        )
        return Response(RetrainingReportSerializer(report).data)


class RollbackView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="learning_rollback",
        summary="Restore an earlier policy with its overrides",
        tags=["learning"],
        parameters=[ScopeQuerySerializer],
        request=RollbackSerializer,
        responses=ActivationSerializer,
    )
    def post(self, request: Request) -> Response:
        scope = request_scope.scope(request, request_data.query(request, ScopeQuerySerializer))
        asked = request_data.body(request, RollbackSerializer)
        activation = policies.rollback(
            version=asked["version"],
            team=scope,
            actor=request_actor(request),
            reason=asked["reason"],
            now=database_clock.now(),
        )
        return Response(ActivationSerializer(activation).data)


class TrendsView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="performance_trends",
        summary="How the models did on one pattern, run by run, newest first",
        tags=["learning"],
        parameters=[TrendsQuerySerializer],
        responses=TrendsSerializer,
    )
    def get(self, request: Request) -> Response:
        asked = request_data.query(request, TrendsQuerySerializer)
        rows = history.trends(request_scope.scope(request, asked), pattern=asked["pattern"], limit=asked["limit"])
        return Response(TrendsSerializer({"pattern": asked["pattern"], "trends": rows}).data)
