from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import request_data
from accounts.permissions import IsAdminScopeOrStaff, IsTeamOrStaff, request_actor, request_team, team_meant
from experiments.models import Experiment
from experiments.selectors import reports
from experiments.serializers import (
    ChangedWeightsSerializer,
    EndSerializer,
    ExperimentListQuerySerializer,
    ExperimentSerializer,
    NewExperimentSerializer,
    PromotionSerializer,
    ResultsSerializer,
)
from experiments.services import analyses, control, creation, promotion
from experiments.services.creation import Design
from routing.services import database_clock


class ExperimentsView(APIView):
    """Whoever may call may read; starting an experiment needs the admin scope or staff."""

    def get_permissions(self) -> list[BasePermission]:
        return [IsTeamOrStaff() if self.request.method in SAFE_METHODS else IsAdminScopeOrStaff()]

    @extend_schema(
        operation_id="experiments",
        summary="The team's experiments, newest first",
        tags=["experiments"],
        parameters=[ExperimentListQuerySerializer],
        responses=ExperimentSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = request_data.query(request, ExperimentListQuerySerializer)
        found = reports.visible(request_team(request))
        if status := asked.get("status"):
            found = found.filter(status=status)
        return Response(ExperimentSerializer(found[: asked["limit"]], many=True).data)

    @extend_schema(
        operation_id="create_experiment",
        summary="Start an experiment",
        tags=["experiments"],
        request=NewExperimentSerializer,
        responses=ExperimentSerializer,
    )
    def post(self, request: Request) -> Response:
        asked = request_data.body(request, NewExperimentSerializer)
        experiment = creation.create(
            _design(asked),
            team=team_meant(request, asked.get("team")),
            actor=request_actor(request),
            now=database_clock.now(),
        )
        return Response(ExperimentSerializer(experiment).data)


class ExperimentStartView(ExperimentsView):
    """Another path to start one."""

    http_method_names = ["post", "options"]


class ExperimentView(APIView):
    @extend_schema(
        operation_id="experiment", summary="One experiment", tags=["experiments"], responses=ExperimentSerializer
    )
    def get(self, request: Request, experiment_id: int) -> Response:
        return Response(ExperimentSerializer(_find(request, experiment_id)).data)


class ExperimentResultsView(APIView):
    @extend_schema(
        operation_id="experiment_results",
        summary="What an experiment has found so far, with all that its requests and ratings say by now",
        tags=["experiments"],
        responses=ResultsSerializer,
    )
    def get(self, request: Request, experiment_id: int) -> Response:
        experiment = analyses.refresh(_find(request, experiment_id), now=database_clock.now())
        return Response(ResultsSerializer(reports.results(experiment)).data)


class ExperimentCompleteView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="complete_experiment",
        summary="End an experiment with the decision that its data allow",
        tags=["experiments"],
        request=EndSerializer,
        responses=ExperimentSerializer,
    )
    def post(self, request: Request, experiment_id: int) -> Response:
        return _ended(request, experiment_id, control.complete)


class ExperimentCancelView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="cancel_experiment",
        summary="End an experiment without a winner",
        tags=["experiments"],
        request=EndSerializer,
        responses=ExperimentSerializer,
    )
    def post(self, request: Request, experiment_id: int) -> Response:
        return _ended(request, experiment_id, control.cancel)


class ExperimentPromoteView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="promote_experiment",
        summary="Let the winner of a completed experiment, or the arm named, route",
        tags=["experiments"],
        request=PromotionSerializer,
        responses=ExperimentSerializer,
    )
    def post(self, request: Request, experiment_id: int) -> Response:
        asked = request_data.body(request, PromotionSerializer)
        experiment = _find(request, experiment_id)
        promotion.promote(
            experiment,
            actor=request_actor(request),
            arm=asked.get("arm"),
            reason=asked["reason"],
            now=database_clock.now(),
        )
        return Response(ExperimentSerializer(experiment).data)


class ExperimentWeightsView(APIView):
    permission_classes = (IsAdminScopeOrStaff,)

    @extend_schema(
        operation_id="change_experiment_weights",
        summary="Split the traffic anew, which starts a new phase and the analysis with it",
        tags=["experiments"],
        request=ChangedWeightsSerializer,
        responses=ExperimentSerializer,
    )
    def post(self, request: Request, experiment_id: int) -> Response:
        weights = request_data.body(request, ChangedWeightsSerializer)["weights"]
        experiment = control.change_weights(_find(request, experiment_id), weights, now=database_clock.now())
        return Response(ExperimentSerializer(experiment).data)


def _find(request: Request, experiment_id: int) -> Experiment:
    """Return the experiment, or answer as if another team's did not exist."""
    found = reports.visible(request_team(request)).filter(id=experiment_id).first()
    if found is None:
        raise Http404("Experiment not found")
    return found


def _ended(request: Request, experiment_id: int, end: Callable[..., Experiment]) -> Response:
    reason = request_data.body(request, EndSerializer)["reason"]
    experiment = _find(request, experiment_id)
    ended = end(experiment, actor=request_actor(request), reason=reason, now=database_clock.now())
    return Response(ExperimentSerializer(ended).data)


def _design(asked: Mapping[str, Any]) -> Design:
    """Return the design that the body describes; what it leaves out is as the design has it."""
    primary, analysis = asked.get("primary_metric", {}), asked.get("analysis", {})
    values = {**asked, **primary, **analysis, "unit": asked["assignment_unit"]}
    values["weights"] = asked.get("weights") or asked.get("allocation")
    known = {field.name for field in fields(Design)}
    return Design(**{name: value for name, value in values.items() if name in known and value is not None})
