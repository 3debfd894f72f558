from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import request_data
from routing.domain.decision import Controls
from routing.selectors import entries
from routing.serializers.decisions import DecisionQuerySerializer, DecisionSerializer, Preview, PromptQuerySerializer
from routing.serializers.explanations import ExplanationQuerySerializer, ExplanationSerializer
from routing.services import decisions, explanations, snapshot
from routing.views.scope import team_id_of


class RecommendationView(APIView):
    @extend_schema(
        operation_id="recommendation",
        summary="The model that `auto` would choose for a prompt, and why; spends nothing",
        tags=["routing"],
        parameters=[PromptQuerySerializer],
        responses=DecisionSerializer,
    )
    def get(self, request: Request) -> Response:
        return _decision(request, request_data.query(request, PromptQuerySerializer)["prompt"], None)


class DecisionView(APIView):
    @extend_schema(
        operation_id="routing_decision",
        summary="The decision that one strategy would make for a prompt, and why; spends nothing",
        tags=["routing"],
        parameters=[DecisionQuerySerializer],
        responses=DecisionSerializer,
    )
    def get(self, request: Request) -> Response:
        asked = request_data.query(request, DecisionQuerySerializer)
        strategy = asked.get("strategy") or ("hybrid" if asked["auto_route"] else decisions.DEFAULT_STRATEGY)
        return _decision(request, asked["prompt"], strategy)


class ExplanationView(APIView):
    @extend_schema(
        operation_id="explain_decision",
        summary="Why a request went where it went, and what another policy version would have done",
        tags=["routing"],
        parameters=[ExplanationQuerySerializer],
        responses=ExplanationSerializer,
    )
    def get(self, request: Request, request_id: UUID) -> Response:
        asked = request_data.query(request, ExplanationQuerySerializer)
        entry = entries.find(request_id, team_id=team_id_of(request))
        if entry is None:
            raise Http404("There is no such request.")
        found = explanations.explain(entry, policy_version=asked.get("policy_version"))
        return Response(ExplanationSerializer(found).data)


def _decision(request: Request, prompt: str, strategy: str | None) -> Response:
    features, decision = decisions.preview(
        snapshot.current(),
        messages=[{"role": "user", "content": prompt}],
        strategy=strategy,
        team_id=team_id_of(request),
        controls=Controls(),
    )
    return Response(DecisionSerializer(Preview(features, decision)).data)
