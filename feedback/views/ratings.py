from datetime import datetime

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import request_data
from accounts.models import ApiKey, Team
from accounts.permissions import IsAdminScopeOrStaff, request_team
from accounts.services import replica
from feedback.selectors import ratings as stored_ratings
from feedback.selectors import summary
from feedback.serializers.ratings import (
    FeedbackSerializer,
    FeedbackSummaryQuerySerializer,
    FeedbackSummarySerializer,
    FeedbackTokenRequestSerializer,
    FeedbackTokenSerializer,
    RatingSerializer,
    RecordedFeedbackSerializer,
)
from feedback.services import limits, ratings, tokens
from feedback.services.ratings import Rater, Rating
from feedback.views.callers import calling_key
from routing.gateway import requests as gateway_requests
from routing.services import database_clock
from routing.services.idempotency import REPLAY_HEADER

_IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, "header", description="The same key and rating are stored once, and answered alike."
)


class FeedbackView(APIView):
    # Whoever comes without a key must bring a token, which only the handler can read.
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="rate",
        summary="Rate an answer, by API key or by the token of its request",
        tags=["feedback"],
        parameters=[_IDEMPOTENCY_KEY],
        request=RatingSerializer,
        responses=RecordedFeedbackSerializer,
    )
    def post(self, request: Request) -> Response:
        now = database_clock.now()
        api_key = calling_key(request)
        if api_key is not None:
            limits.admit_key(api_key)
        rater, request_id = _rater(request, api_key, now)
        given = request_data.body(request, RatingSerializer)
        rating = Rating(
            request_id=request_id or given["request_id"],
            quality_score=given["quality_score"],
            is_correct=given["is_correct"],
            is_helpful=given["is_helpful"],
            metrics=given["metrics"],
            comment=given["comment"] or "",
            user_id=given["user_id"],
            session_id=given["session_id"],
        )
        idempotency_key = gateway_requests.idempotency_key(request.headers)
        recorded = ratings.record(rater, rating, idempotency_key=idempotency_key, now=now)
        headers = {REPLAY_HEADER: "true"} if recorded.is_replay else None
        return Response(RecordedFeedbackSerializer(recorded).data, headers=headers)


class FeedbackDetailView(APIView):
    @extend_schema(
        operation_id="retrieve_feedback",
        summary="One rating of the team",
        tags=["feedback"],
        responses=FeedbackSerializer,
    )
    def get(self, request: Request, feedback_id: int) -> Response:
        found = stored_ratings.find(feedback_id, request_team(request))
        if found is None:
            raise Http404(f"There is no feedback {feedback_id}.")
        return Response(FeedbackSerializer(found).data)


class FeedbackTokenView(APIView):
    @extend_schema(
        operation_id="issue_feedback_token",
        summary="A token that lets whoever holds it rate one request",
        tags=["feedback"],
        request=FeedbackTokenRequestSerializer,
        responses=FeedbackTokenSerializer,
    )
    def post(self, request: Request) -> Response:
        asked = request_data.body(request, FeedbackTokenRequestSerializer)
        issued = tokens.issue(request_team(request), asked["request_id"], database_clock.now())
        return Response(FeedbackTokenSerializer(issued).data)


class FeedbackSummaryView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="feedback_summary",
        summary="What people say of the answers, by model and pattern",
        tags=["feedback"],
        parameters=[FeedbackSummaryQuerySerializer],
        responses=FeedbackSummarySerializer,
    )
    def get(self, request: Request) -> Response:
        team = _scope(request)
        return Response(FeedbackSummarySerializer(replica.read(lambda: summary.summary(team))).data)


def _rater(request: Request, api_key: ApiKey | None, now: datetime) -> tuple[Rater, str | None]:
    """Return who rates, and which request where a token says it."""
    token = request.data.get("token") if isinstance(request.data, dict) else None
    if isinstance(token, str):
        rater, request_id = tokens.admit(token, now, address=request.META.get("REMOTE_ADDR", ""))
        return rater, str(request_id)
    if api_key is not None:
        return Rater(team=api_key.team, api_key=api_key), None
    if request.user.is_authenticated:
        raise PermissionDenied("Staff rate nothing themselves: send the API key of a team, or the token of a request.")
    raise NotAuthenticated("Send an API key as `Authorization: Bearer …`, or the token of a request as `token`.")


def _scope(request: Request) -> Team | None:
    """Return whose ratings are asked for; None for everybody's, which only staff may see."""
    slug = request_data.query(request, FeedbackSummaryQuerySerializer).get("team")
    own = request_team(request)
    if slug is None:
        return own
    team = Team.objects.filter(slug=slug).first() if own is None else own
    if team is None or team.slug != slug:
        raise Http404(f"There is no team {slug!r}.")
    return team
