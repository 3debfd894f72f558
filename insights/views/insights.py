"""A team's insights: computed at most every few minutes, and anew at once after what changes them.

What is given out is the text that was kept, with the mark ``stale`` put in front.
"""

from collections.abc import Callable
from dataclasses import astuple
from typing import Any

from django.http import HttpResponse
from django.utils.encoding import force_str
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Team
from accounts.request_data import query
from accounts.services import features
from accounts.services.features import Feature
from insights.domain.roi import Assumptions
from insights.models import PatternMetric
from insights.selectors import learned, paths, return_on_investment, suggestions, team_metrics, trends, weekly_report
from insights.serializers.fields import DaysQuerySerializer, TeamQuerySerializer
from insights.serializers.insights import (
    PathsSerializer,
    PatternsSerializer,
    ReportQuerySerializer,
    ReportSerializer,
    RoiQuerySerializer,
    RoiSerializer,
    TeamMetricsSerializer,
    TeamTrendsSerializer,
    TrendsQuerySerializer,
)
from insights.serializers.suggestions import RankingSerializer, SuggestionsQuerySerializer
from insights.services import insights_cache
from insights.views.scope import one_team
from routing.domain.pricing import to_nano_usd
from routing.services import database_clock


class SuggestionsView(APIView):
    @extend_schema(
        operation_id="suggestions",
        summary="What the team should do, the best first, and what moved each up or down",
        tags=["reviews"],
        parameters=[SuggestionsQuerySerializer],
        responses=RankingSerializer,
    )
    def get(self, request: Request) -> Response:
        asked = query(request, SuggestionsQuerySerializer)
        team = one_team(request, asked.get("team"))
        features.require(Feature.RANKING, team)
        ranking = suggestions.ranked(team, now=database_clock.now(), limit=asked["limit"])
        return Response(RankingSerializer(ranking).data)


class TeamMetricsView(APIView):
    @extend_schema(
        operation_id="insights_team_metrics",
        summary="Traffic, findings, answers and realized savings of the team",
        tags=["insights"],
        parameters=[DaysQuerySerializer],
        responses=TeamMetricsSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        asked = query(request, DaysQuerySerializer)
        team, days = _allowed(request, asked, Feature.INSIGHTS), asked["days"]

        def compute() -> Any:
            return TeamMetricsSerializer(team_metrics.of_team(team, days=days, now=database_clock.now())).data

        return _kept(request, team, f"team-metrics:{days}", compute)


class TrendsView(APIView):
    @extend_schema(
        operation_id="insights_trends",
        summary="How the team's figures go, by ISO week",
        tags=["insights"],
        parameters=[TrendsQuerySerializer],
        responses=TeamTrendsSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        asked = query(request, TrendsQuerySerializer)
        team, weeks = _allowed(request, asked, Feature.TRENDS), asked["weeks"]

        def compute() -> Any:
            return TeamTrendsSerializer(trends.of_team(team, now=database_clock.now(), weeks=weeks)).data

        return _kept(request, team, f"trends:{weeks}", compute)


class AntiPatternsView(APIView):
    @extend_schema(
        operation_id="insights_anti_patterns",
        summary="Types of finding that keep coming back, and that the team keeps rejecting",
        tags=["insights"],
        parameters=[TeamQuerySerializer],
        responses=PatternsSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        team = _allowed(request, query(request, TeamQuerySerializer), Feature.INSIGHTS)

        def compute() -> Any:
            rows = learned.pattern_rows(team).filter(kind=PatternMetric.Kind.ANTI_PATTERN)
            return PatternsSerializer({"patterns": rows}).data

        return _kept(request, team, "anti-patterns", compute)


class LearningPathsView(APIView):
    @extend_schema(
        operation_id="insights_learning_paths",
        summary="What the team should improve next, the most worthwhile first",
        tags=["insights"],
        parameters=[TeamQuerySerializer],
        responses=PathsSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        team = _allowed(request, query(request, TeamQuerySerializer), Feature.LEARNING_PATHS)

        def compute() -> Any:
            return PathsSerializer(paths.of_team(team, now=database_clock.now())).data

        return _kept(request, team, "learning-paths", compute)


class RoiView(APIView):
    @extend_schema(
        operation_id="insights_roi",
        summary="What the product brought the team against what it cost, with every assumption",
        tags=["insights"],
        parameters=[RoiQuerySerializer],
        responses=RoiSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        asked = query(request, RoiQuerySerializer)
        team, days, assumptions = _allowed(request, asked, Feature.ROI), asked["days"], _assumptions(asked)

        def compute() -> Any:
            found = return_on_investment.of_team(team, days=days, assumptions=assumptions, now=database_clock.now())
            return RoiSerializer(found).data

        return _kept(request, team, ":".join(map(str, ("roi", days, *astuple(assumptions)))), compute)


class ReportView(APIView):
    @extend_schema(
        operation_id="insights_report",
        summary="One ISO week of the team on one page, also as the text of an e-mail",
        tags=["insights"],
        parameters=[ReportQuerySerializer],
        responses=ReportSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        asked = query(request, ReportQuerySerializer)
        team = _allowed(request, asked, Feature.INSIGHTS)
        now = database_clock.now()
        week = asked.get("week") or weekly_report.last_complete_week(now)

        def compute() -> Any:
            return ReportSerializer(weekly_report.of_team(team, week, now=now)).data

        return _kept(request, team, f"report:{week}", compute)


def _allowed(request: Request, asked: dict[str, Any], feature: Feature) -> Team:
    team = one_team(request, asked.get("team"))
    features.require(feature, team)
    return team


def _kept(request: Request, team: Team, name: str, compute: Callable[[], Any]) -> HttpResponse:
    kept = insights_cache.get(team.id, name, lambda: force_str(request.accepted_renderer.render(compute())))
    mark = "true" if kept.is_stale else "false"
    return HttpResponse(f'{{"stale":{mark},{kept.text[1:]}', content_type="application/json")


def _assumptions(asked: dict[str, Any]) -> Assumptions:
    given: dict[str, Any] = {
        name: asked[name] for name in ("minutes_per_answer", "minutes_per_change_by_hand") if name in asked
    }
    for name, usd in (("product_nano_usd_per_month", "product_usd_per_month"), ("hour_nano_usd", "hour_usd")):
        if usd in asked:
            given[name] = to_nano_usd(asked[usd])
    return Assumptions(**given)
