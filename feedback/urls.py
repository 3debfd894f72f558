from django.urls import path

from feedback.views import FeedbackDetailView, FeedbackSummaryView, FeedbackTokenView, FeedbackView

urlpatterns = [
    path("feedback", FeedbackView.as_view()),
    path("production/feedback", FeedbackView.as_view(schema=None)),
    path("feedback/token", FeedbackTokenView.as_view()),
    path("feedback/<int:feedback_id>", FeedbackDetailView.as_view()),
    path("admin/feedback/summary", FeedbackSummaryView.as_view()),
    path("api/admin/feedback/summary", FeedbackSummaryView.as_view(schema=None)),
]
