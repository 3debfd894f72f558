from django.urls import path

from experiments.views import (
    ExperimentCancelView,
    ExperimentCompleteView,
    ExperimentPromoteView,
    ExperimentResultsView,
    ExperimentStartView,
    ExperimentsView,
    ExperimentView,
    ExperimentWeightsView,
)

urlpatterns = [
    path("experiments", ExperimentsView.as_view()),
    path("experiments/start", ExperimentStartView.as_view(schema=None)),
    path("experiments/<int:experiment_id>", ExperimentView.as_view()),
    path("experiments/<int:experiment_id>/results", ExperimentResultsView.as_view()),
    path("experiments/<int:experiment_id>/complete", ExperimentCompleteView.as_view()),
    path("experiments/<int:experiment_id>/cancel", ExperimentCancelView.as_view()),
    path("experiments/<int:experiment_id>/promote", ExperimentPromoteView.as_view()),
    path("experiments/<int:experiment_id>/weights", ExperimentWeightsView.as_view()),
]
