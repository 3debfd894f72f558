"""The API of features: which are on, and the switch."""

from collections.abc import Callable

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import request_data, selectors
from accounts.permissions import IsAdminScopeOrStaff, request_actor, request_team, team_meant
from accounts.serializers import FeatureQuerySerializer, FeatureSerializer, ResetSerializer, SwitchSerializer
from accounts.services import features


class FeatureListView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="features",
        summary="Every feature, whether it is on, and who decided that",
        tags=["features"],
        parameters=[FeatureQuerySerializer],
        responses=FeatureSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        team = team_meant(request, request_data.query(request, FeatureQuerySerializer).get("team"))
        statuses = selectors.feature_statuses(features.load(), team)
        return Response(FeatureSerializer(statuses, many=True).data)


class EnableView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="enable_feature",
        summary="Switch a feature on, for everybody or one team, effective within a second",
        tags=["features"],
        request=SwitchSerializer,
        responses=FeatureSerializer,
    )
    def post(self, request: Request, name: str) -> Response:
        return _switched(request, name, features.enable)


class DisableView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="disable_feature",
        summary="Switch a feature off, for everybody or one team, effective within a second",
        tags=["features"],
        request=SwitchSerializer,
        responses=FeatureSerializer,
    )
    def post(self, request: Request, name: str) -> Response:
        return _switched(request, name, features.disable)


class ResetView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="reset_feature",
        summary="Remove what a team has of its own, so that it follows everybody and the rollout",
        tags=["features"],
        request=ResetSerializer,
        responses=FeatureSerializer,
    )
    def post(self, request: Request, name: str) -> Response:
        return _switched(request, name, features.reset, body=ResetSerializer)


def _switched(
    request: Request, name: str, switch: Callable[..., object], *, body: type[SwitchSerializer] = SwitchSerializer
) -> Response:
    feature = features.named(name)
    asked = request_data.body(request, body)
    slug = asked.get("team")
    # Without a team everybody is meant, by a key of the scope as well: a kill switch must not need a login.
    team = None if slug is None else team_meant(request, slug)
    switch(feature, team=team, reason=asked["reason"], actor=request_actor(request), now=timezone.now())
    statuses = selectors.feature_statuses(features.load(), team or request_team(request))
    return Response(FeatureSerializer(next(status for status in statuses if status.name == feature)).data)
