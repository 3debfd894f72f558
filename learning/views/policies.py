"""The API of policies and their evaluations."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import request_data
from accounts.permissions import IsAdminScopeOrStaff, request_actor
from learning.selectors import evaluations
from learning.serializers.policies import (
    EvaluateSerializer,
    EvaluationSerializer,
    EvaluationsQuerySerializer,
    PoliciesQuerySerializer,
    PolicyVersionSerializer,
    PromoteSerializer,
)
from learning.serializers.retraining import ActivationSerializer, ScopeQuerySerializer
from learning.services import promotion
from learning.views import scope as request_scope
from routing.services import database_clock


class PolicyListView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="learning_policies",
        summary="The versions of the routing policy, newest first",
        tags=["learning"],
        parameters=[PoliciesQuerySerializer],
        responses=PolicyVersionSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = request_data.query(request, PoliciesQuerySerializer)
        rows = evaluations.versions(request_scope.scope(request, asked), limit=asked["limit"])
        return Response(PolicyVersionSerializer(rows, many=True).data)


class EvaluationListView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="learning_evaluations",
        summary="Candidates scored on past traffic, and what was decided from that, newest first",
        tags=["learning"],
        parameters=[EvaluationsQuerySerializer],
        responses=EvaluationSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = request_data.query(request, EvaluationsQuerySerializer)
        scope = request_scope.scope(request, asked)
        rows = evaluations.newest(scope, version=asked.get("version"), limit=asked["limit"])
        return Response(EvaluationSerializer(rows, many=True).data)


class EvaluateView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="learning_evaluate",
        summary="Score a candidate on past traffic now, and act on the verdict",
        tags=["learning"],
        parameters=[ScopeQuerySerializer],
        request=EvaluateSerializer,
        responses=EvaluationSerializer,
    )
    def post(self, request: Request) -> Response:
        scope = request_scope.scope(request, request_data.query(request, ScopeQuerySerializer))
        asked = request_data.body(request, EvaluateSerializer)
        candidate = promotion.find(asked["version"], scope)
        return Response(EvaluationSerializer(promotion.evaluate(candidate, now=database_clock.now())).data)


class PromoteView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="learning_promote",
        summary="Let a candidate route, whatever its evaluations say",
        tags=["learning"],
        parameters=[ScopeQuerySerializer],
        request=PromoteSerializer,
        responses=ActivationSerializer,
    )
    def post(self, request: Request) -> Response:
        scope = request_scope.scope(request, request_data.query(request, ScopeQuerySerializer))
        asked = request_data.body(request, PromoteSerializer)
        activation = promotion.promote_by_hand(
            version=asked["version"],
            team=scope,
            actor=request_actor(request),
            reason=asked["reason"],
            now=database_clock.now(),
        )
        return Response(ActivationSerializer(activation).data)
