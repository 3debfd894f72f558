from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import request_data
from accounts.permissions import IsAdminScopeOrStaff, request_actor, team_meant
from learning.models import EvaluationSet
from learning.serializers.outcomes import (
    EvaluationSetListSerializer,
    ImportedSerializer,
    OutcomeImportQuerySerializer,
    OutcomeListQuerySerializer,
)
from learning.services import outcome_import, table_files
from learning.views.parsers import CsvParser, JsonLinesParser
from routing.services import database_clock

MOST_LISTED = 200


class OutcomesView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)
    parser_classes = (CsvParser, JsonLinesParser)

    @extend_schema(
        operation_id="learning_outcomes",
        summary="Sets of evaluation outcomes, newest first, at most 200",
        tags=["learning"],
        parameters=[OutcomeListQuerySerializer],
        responses=EvaluationSetListSerializer,
    )
    def get(self, request: Request) -> Response:
        team = team_meant(request, request_data.query(request, OutcomeListQuerySerializer).get("team"))
        sets = EvaluationSet.objects.select_related("team")
        if team is not None:
            sets = sets.filter(team=team)
        return Response(EvaluationSetListSerializer({"sets": sets[:MOST_LISTED]}).data)

    @extend_schema(
        operation_id="learning_outcomes_import",
        summary="Import evaluation outcomes from a file that is the body: all of it or nothing",
        tags=["learning"],
        parameters=[OutcomeImportQuerySerializer],
        request={"text/csv": OpenApiTypes.STR, "application/x-ndjson": OpenApiTypes.STR},
        responses=ImportedSerializer,
    )
    def post(self, request: Request) -> Response:
        asked = request_data.query(request, OutcomeImportQuerySerializer)
        # Without a body the framework asks no parser.
        content = request.data if isinstance(request.data, bytes) else b""
        imported = outcome_import.import_outcomes(
            table_files.from_bytes(content, "The file"),
            name=asked["name"],
            team=team_meant(request, asked.get("team")),
            actor=request_actor(request),
            now=database_clock.now(),
            skip_bad=asked["skip_bad"],
        )
        return Response(ImportedSerializer(imported).data)
