from django.urls import path

from insights.views.insights import (
    AntiPatternsView,
    LearningPathsView,
    ReportView,
    RoiView,
    SuggestionsView,
    TeamMetricsView,
    TrendsView,
)
from insights.views.learned import CalibrationView, LearningMetricsView, PatternsView
from insights.views.reviews import (
    ActionRevertView,
    FindingActionView,
    FindingFeedbackView,
    FindingsView,
    FindingView,
    ReviewsView,
    ReviewView,
)

urlpatterns = [
    path("api/reviews", ReviewsView.as_view()),
    path("api/reviews/<int:review_id>", ReviewView.as_view()),
    path("api/findings", FindingsView.as_view()),
    path("api/findings/<int:finding_id>", FindingView.as_view()),
    path("api/findings/<int:finding_id>/action", FindingActionView.as_view()),
    path("api/findings/<int:finding_id>/feedback", FindingFeedbackView.as_view()),
    path("api/actions/<int:action_id>/revert", ActionRevertView.as_view()),
    path("api/suggestions", SuggestionsView.as_view()),
    path("api/insights/team-metrics", TeamMetricsView.as_view()),
    path("api/insights/trends", TrendsView.as_view()),
    path("api/insights/anti-patterns", AntiPatternsView.as_view()),
    path("api/insights/learning-paths", LearningPathsView.as_view()),
    path("api/insights/roi", RoiView.as_view()),
    path("api/insights/report", ReportView.as_view()),
    path("api/learning/calibration", CalibrationView.as_view()),
    path("api/learning/patterns", PatternsView.as_view()),
    path("api/learning/metrics", LearningMetricsView.as_view()),
]
