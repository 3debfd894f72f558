"""The API of the rollout: where it stands, and what moves it."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import request_data
from accounts.permissions import IsAdminScopeOrStaff, request_actor
from accounts.serializers import StrictSerializer
from accounts.services import rollout
from monitoring.serializers.rollout import (
    AdvanceSerializer,
    ConfirmSerializer,
    IssueSerializer,
    RollbackPhaseSerializer,
    RolloutSerializer,
    StartSerializer,
)
from monitoring.services import rollout as moves
from routing.services import database_clock


class RolloutView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="rollout",
        summary="Where the rollout stands, with its criteria measured now",
        tags=["rollout"],
        responses=RolloutSerializer,
    )
    def get(self, request: Request) -> Response:
        return _standing()


class RolloutStartView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="start_rollout",
        summary="Begin a rollout of features in phase 1, a tenth of the teams",
        tags=["rollout"],
        request=StartSerializer,
        responses=RolloutSerializer,
    )
    def post(self, request: Request) -> Response:
        return _moved(
            request,
            StartSerializer,
            lambda asked, **who: rollout.start(asked["features"], **who),
        )


class RolloutAdvanceView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="advance_rollout",
        summary="Go on to the next phase; refused with the reasons while criteria do not hold",
        tags=["rollout"],
        request=AdvanceSerializer,
        responses=RolloutSerializer,
    )
    def post(self, request: Request) -> Response:
        return _moved(
            request,
            AdvanceSerializer,
            lambda asked, **who: moves.advance(overrides=asked["override"], reason=asked["reason"], **who),
        )


class RolloutRollbackView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="roll_back_rollout",
        summary="Go back to the phase before, effective within a second",
        tags=["rollout"],
        request=RollbackPhaseSerializer,
        responses=RolloutSerializer,
    )
    def post(self, request: Request) -> Response:
        return _moved(request, RollbackPhaseSerializer, lambda asked, **who: rollout.rollback(**asked, **who))


class RolloutConfirmView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="confirm_rollout",
        summary="Confirm what only a person can say, or take that back",
        tags=["rollout"],
        request=ConfirmSerializer,
        responses=RolloutSerializer,
    )
    def post(self, request: Request) -> Response:
        return _moved(request, ConfirmSerializer, lambda asked, **who: rollout.confirm(**asked, **who))


class RolloutIssueView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="report_rollout_issue",
        summary="Keep what went wrong in the present phase",
        tags=["rollout"],
        request=IssueSerializer,
        responses=RolloutSerializer,
    )
    def post(self, request: Request) -> Response:
        return _moved(request, IssueSerializer, lambda asked, **who: rollout.report_issue(**asked, **who))


def _moved(request: Request, body: type[StrictSerializer[Any]], move: Callable[..., object]) -> Response:
    """Do what the body asks for, and tell where the rollout stands then."""
    move(request_data.body(request, body), actor=request_actor(request), now=database_clock.now())
    return _standing()


def _standing() -> Response:
    return Response(RolloutSerializer(moves.status(now=database_clock.now())).data)
