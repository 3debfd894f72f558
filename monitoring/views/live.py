from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import ApiKey
from accounts.permissions import IsTeamOrStaff
from monitoring.serializers.live import TicketSerializer, UpgradeSerializer
from monitoring.services.live import callers


class LiveView(APIView):
    """Answers those who come by plain HTTP; a WebSocket never gets here."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="live_metrics",
        summary="Live metrics over a WebSocket; plain HTTP is answered 426",
        tags=["statistics"],
        responses={426: UpgradeSerializer},
    )
    def get(self, request: Request) -> Response:
        return Response(
            {"detail": "This address speaks WebSocket: connect to it with ws:// or wss://."},
            status=426,
            headers={"Upgrade": "websocket", "Connection": "Upgrade"},
        )


class LiveTicketView(APIView):
    permission_classes = (IsTeamOrStaff,)

    @extend_schema(
        operation_id="live_ticket",
        summary="A ticket that lets a browser watch its team's live metrics without holding the key",
        tags=["statistics"],
        request=None,
        responses={200: TicketSerializer, 403: OpenApiResponse(description="The caller came without an API key.")},
    )
    def post(self, request: Request) -> Response:
        if not isinstance(request.auth, ApiKey):
            self.permission_denied(request, message="Tickets are for API keys: a staff session connects by itself.")
        ticket = callers.issue_ticket(request.auth.id)
        return Response(TicketSerializer({"ticket": ticket, "expires_in": callers.TICKET_SECONDS}).data)
