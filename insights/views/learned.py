from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.request_data import query
from accounts.services import features
from accounts.services.features import Feature
from insights.domain import acceptance, calibration
from insights.models import LearningMetric
from insights.selectors import answered, learned
from insights.serializers.fields import TeamQuerySerializer
from insights.serializers.insights import PatternSerializer
from insights.serializers.learned import CalibrationSerializer, LearningMetricsSerializer, MetricsQuerySerializer
from insights.views.scope import one_team
from routing.services import database_clock

_WEEKS_SHOWN = 26


class CalibrationView(APIView):
    @extend_schema(
        operation_id="learning_calibration",
        summary="How well the confidence of findings tells what the team accepts, and the threshold tuned from it",
        tags=["insights"],
        parameters=[TeamQuerySerializer],
        responses=CalibrationSerializer,
    )
    def get(self, request: Request) -> Response:
        team = one_team(request, query(request, TeamQuerySerializer).get("team"))
        features.require(Feature.CONFIDENCE_TUNING, team)
        measured = calibration.measure(answered.newest(team, until=database_clock.now()))
        history = learned.metrics(team).filter(kind=LearningMetric.Kind.THRESHOLD)[:_WEEKS_SHOWN]
        shown = {
            "samples": measured.samples,
            "expected_error": measured.expected_error,
            "brier_score": measured.brier_score,
            "bins": measured.bins,
            "curve": measured.curve,
            "threshold": learned.threshold(team),
            "threshold_history": history,
        }
        return Response(CalibrationSerializer(shown).data)


class PatternsView(APIView):
    @extend_schema(
        operation_id="learning_patterns",
        summary="Types of finding that keep coming back, the most frequent first",
        tags=["insights"],
        parameters=[TeamQuerySerializer],
        responses=PatternSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        team = one_team(request, query(request, TeamQuerySerializer).get("team"))
        features.require(Feature.PATTERN_LEARNING, team)
        return Response(PatternSerializer(learned.pattern_rows(team), many=True).data)


class LearningMetricsView(APIView):
    @extend_schema(
        operation_id="learning_metrics",
        summary="How often the team accepts what, and what was learned in each period",
        tags=["insights"],
        parameters=[MetricsQuerySerializer],
        responses=LearningMetricsSerializer,
    )
    def get(self, request: Request) -> Response:
        asked = query(request, MetricsQuerySerializer)
        team = one_team(request, asked.get("team"))
        features.require(Feature.PATTERN_LEARNING, team)
        rows = learned.metrics(team)
        if kind := asked.get("kind"):
            rows = rows.filter(kind=kind)
        rates = acceptance.learn(answered.newest(team, until=database_clock.now()))
        shown = {"acceptance": learned.acceptance_figures(rates), "history": rows[: asked["limit"]]}
        return Response(LearningMetricsSerializer(shown).data)
