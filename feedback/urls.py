from django.urls import path

from feedback.views.events import (
    MetricEventExportView,
    MetricEventStatsView,
    MetricEventsView,
    MetricEventView,
)
from feedback.views.ratings import FeedbackDetailView, FeedbackSummaryView, FeedbackTokenView, FeedbackView

urlpatterns = [
    path("feedback", FeedbackView.as_view()),
    path("production/feedback", FeedbackView.as_view(schema=None)),
    path("feedback/token", FeedbackTokenView.as_view()),
    path("feedback/<int:feedback_id>", FeedbackDetailView.as_view()),
    path("api/v1/metrics", MetricEventsView.as_view()),
    path("api/v1/metrics/stats", MetricEventStatsView.as_view()),
    path("api/v1/metrics/export", MetricEventExportView.as_view()),
    path("api/v1/metrics/<int:event_id>", MetricEventView.as_view()),
    path("admin/feedback/summary", FeedbackSummaryView.as_view()),
    path("api/admin/feedback/summary", FeedbackSummaryView.as_view(schema=None)),
]
