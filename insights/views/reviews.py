from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsAdminScopeOrStaff, request_actor, request_team, team_meant
from accounts.request_data import body, query
from accounts.services import features
from accounts.services.features import Feature
from insights.domain.answers import Answer
from insights.models import Review
from insights.selectors import findings as found
from insights.serializers.reviews import (
    AppliedActionSerializer,
    FindingDetailSerializer,
    FindingSerializer,
    FindingsQuerySerializer,
    NewAnswerSerializer,
    NewReviewSerializer,
    PageQuerySerializer,
    RecordedAnswerSerializer,
    RevertSerializer,
    ReviewSerializer,
)
from insights.serializers.suggestions import ActionChangeSerializer
from insights.services import actions, answers, reviews
from insights.views.scope import one_team
from routing.gateway import requests as gateway_requests
from routing.services import database_clock
from routing.services.idempotency import REPLAY_HEADER

_IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, "header", description="The same key and answer are stored once, and answered alike."
)
_LATER = "respond-async"
_PREFER = OpenApiParameter(
    "Prefer", str, "header", description="`respond-async` answers 202 at once, and a worker does the review."
)


class ReviewsView(APIView):
    @extend_schema(
        operation_id="reviews",
        summary="Cost reviews of the team, newest first",
        tags=["reviews"],
        parameters=[PageQuerySerializer],
        responses=ReviewSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = query(request, PageQuerySerializer)
        team = team_meant(request, asked.get("team"))
        features.require(Feature.COST_REVIEW, team)
        page = found.reviews(team, before=asked.get("before"))[: asked["limit"]]
        return Response(ReviewSerializer(page, many=True).data)

    @extend_schema(
        operation_id="review_now",
        summary="Review the team's traffic now, today's included",
        tags=["reviews"],
        parameters=[_PREFER],
        request=NewReviewSerializer,
        responses={200: ReviewSerializer, 202: ReviewSerializer},
    )
    def post(self, request: Request) -> Response:
        asked = body(request, NewReviewSerializer)
        team = one_team(request, asked.get("team"))
        features.require(Feature.COST_REVIEW, team)
        options = {"actor": request_actor(request), "now": database_clock.now(), "window_days": asked["window_days"]}
        if _may_answer_later(request):
            ordered = reviews.order(team, **options)
            headers = {"Location": f"/api/reviews/{ordered.id}", "Preference-Applied": _LATER}
            return Response(ReviewSerializer(ordered).data, status=202, headers=headers)
        review = reviews.run(team, trigger=Review.Trigger.API, **options)
        return Response(ReviewSerializer(review).data)


class ReviewView(APIView):
    @extend_schema(operation_id="review", summary="One cost review", tags=["reviews"], responses=ReviewSerializer)
    def get(self, request: Request, review_id: int) -> Response:
        features.require(Feature.COST_REVIEW, request_team(request))
        return Response(ReviewSerializer(found.review(review_id, request_team(request))).data)


class FindingsView(APIView):
    @extend_schema(
        operation_id="findings",
        summary="Findings of the team, newest first",
        tags=["reviews"],
        parameters=[FindingsQuerySerializer],
        responses=FindingSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = query(request, FindingsQuerySerializer)
        team = team_meant(request, asked.pop("team", None))
        features.require(Feature.COST_REVIEW, team)
        limit = asked.pop("limit")
        return Response(FindingSerializer(found.findings(team, **asked)[:limit], many=True).data)


class FindingView(APIView):
    @extend_schema(
        operation_id="finding",
        summary="One finding, with what was answered and applied",
        tags=["reviews"],
        responses=FindingDetailSerializer,
    )
    def get(self, request: Request, finding_id: int) -> Response:
        features.require(Feature.COST_REVIEW, request_team(request))
        return Response(FindingDetailSerializer(found.finding(finding_id, request_team(request))).data)


class FindingActionView(APIView):
    @extend_schema(
        operation_id="preview_action",
        summary="What taking the suggestion's action would change; changes nothing",
        tags=["reviews"],
        responses=ActionChangeSerializer,
    )
    def get(self, request: Request, finding_id: int) -> Response:
        features.require(Feature.COST_REVIEW, request_team(request))
        return Response(ActionChangeSerializer(actions.preview(found.finding(finding_id, request_team(request)))).data)


class FindingFeedbackView(APIView):
    @extend_schema(
        operation_id="answer_finding",
        summary="Accept, reject or ignore a suggestion, and have its action taken",
        tags=["reviews"],
        parameters=[_IDEMPOTENCY_KEY],
        request=NewAnswerSerializer,
        responses=RecordedAnswerSerializer,
    )
    def post(self, request: Request, finding_id: int) -> Response:
        features.require(Feature.COST_REVIEW, request_team(request))
        asked: dict[str, Any] = body(request, NewAnswerSerializer)
        if asked["apply"] and not IsAdminScopeOrStaff().has_permission(request, self):
            self.permission_denied(request, message=IsAdminScopeOrStaff.message)
        recorded = answers.answer(
            finding_id,
            request_team(request),
            verdict=Answer(asked["verdict"]),
            reason=asked["reason"],
            apply=asked["apply"],
            actor=request_actor(request),
            idempotency_key=gateway_requests.idempotency_key(request.headers),
            now=database_clock.now(),
        )
        headers = {REPLAY_HEADER: "true"} if recorded.is_replay else None
        return Response(RecordedAnswerSerializer(recorded).data, headers=headers)


class ActionRevertView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="revert_action",
        summary="Take back what was applied for a suggestion",
        tags=["reviews"],
        request=RevertSerializer,
        responses=AppliedActionSerializer,
    )
    def post(self, request: Request, action_id: int) -> Response:
        reason = body(request, RevertSerializer)["reason"]
        applied = actions.find(action_id, request_team(request))
        reverted = actions.revert(applied, actor=request_actor(request), now=database_clock.now(), reason=reason)
        return Response(AppliedActionSerializer(reverted).data)


def _may_answer_later(request: Request) -> bool:
    """Say whether the caller would rather not wait (RFC 7240, section 4.1)."""
    preferences = request.headers.get("Prefer", "").split(",")
    return any(preference.partition(";")[0].strip().lower() == _LATER for preference in preferences)
