from django.urls import path

from learning.views.outcomes import OutcomesView
from learning.views.policies import EvaluateView, EvaluationListView, PolicyListView, PromoteView
from learning.views.retraining import LearningStatusView, RetrainView, RollbackView, TrendsView

urlpatterns = [
    path("admin/learning/status", LearningStatusView.as_view()),
    path("admin/learning/retrain", RetrainView.as_view()),
    path("admin/learning/rollback", RollbackView.as_view()),
    path("admin/performance/trends", TrendsView.as_view()),
    path("api/admin/learning/status", LearningStatusView.as_view(schema=None)),
    path("api/admin/learning/retrain", RetrainView.as_view(schema=None)),
    path("api/admin/learning/rollback", RollbackView.as_view(schema=None)),
    path("api/admin/performance/trends", TrendsView.as_view(schema=None)),
    path("admin/learning/policies", PolicyListView.as_view()),
    path("admin/learning/evaluations", EvaluationListView.as_view()),
    path("admin/learning/evaluate", EvaluateView.as_view()),
    path("admin/learning/promote", PromoteView.as_view()),
    path("api/admin/learning/policies", PolicyListView.as_view(schema=None)),
    path("api/admin/learning/evaluations", EvaluationListView.as_view(schema=None)),
    path("api/admin/learning/evaluate", EvaluateView.as_view(schema=None)),
    path("api/admin/learning/promote", PromoteView.as_view(schema=None)),
    path("admin/learning/outcomes", OutcomesView.as_view()),
    path("api/admin/learning/outcomes", OutcomesView.as_view(schema=None)),
]
