from django.contrib import admin
from django.urls import path

from monitoring.views import canned_reports, features_page, rollout_page
from monitoring.views.dashboard import dashboard, dashboard_data, decide
from monitoring.views.database import database
from monitoring.views.health import (
    HealthView,
    JobsHealthView,
    LearningHealthView,
    LivenessView,
    MetricsHealthView,
    ReadinessView,
)
from monitoring.views.live import LiveTicketView, LiveView
from monitoring.views.prometheus import metrics
from monitoring.views.rollout import (
    RolloutAdvanceView,
    RolloutConfirmView,
    RolloutIssueView,
    RolloutRollbackView,
    RolloutStartView,
    RolloutView,
)
from monitoring.views.sql_page import sql

urlpatterns = [
    path("health", HealthView.as_view()),
    path("health/liveliness", LivenessView.as_view()),
    path("health/live", LivenessView.as_view(schema=None)),
    path("api/v1/health", MetricsHealthView.as_view()),
    path("health/readiness", ReadinessView.as_view()),
    path("health/ready", ReadinessView.as_view(schema=None)),
    path("health/learning", LearningHealthView.as_view()),
    path("health/jobs", JobsHealthView.as_view()),
    path("metrics", metrics),
    path("metrics/live", LiveView.as_view()),
    path("metrics/live/ticket", LiveTicketView.as_view()),
    path("ws/metrics/live/", LiveView.as_view(schema=None)),
    path("api/rollout", RolloutView.as_view()),
    path("api/rollout/start", RolloutStartView.as_view()),
    path("api/rollout/advance", RolloutAdvanceView.as_view()),
    path("api/rollout/rollback", RolloutRollbackView.as_view()),
    path("api/rollout/confirm", RolloutConfirmView.as_view()),
    path("api/rollout/issues", RolloutIssueView.as_view()),
    path("dashboard/", dashboard, name="dashboard"),
    path("dashboard/data", dashboard_data, name="dashboard-data"),
    path("dashboard/decide", decide, name="decide"),
    path("admin/database/", admin.site.admin_view(database), name="database"),
    path("admin/sql/", admin.site.admin_view(sql), name="sql"),
    path("admin/features/", admin.site.admin_view(features_page.page), name="features"),
    path("admin/features/<slug:name>/<str:verb>/", admin.site.admin_view(features_page.switch), name="feature-switch"),
    path("admin/rollout/", admin.site.admin_view(rollout_page.page), name="rollout"),
    path("admin/rollout/note/", admin.site.admin_view(rollout_page.note), name="rollout-note"),
    path("admin/rollout/<slug:name>/", admin.site.admin_view(rollout_page.move), name="rollout-move"),
    path("admin/reports/", admin.site.admin_view(canned_reports.index), name="reports"),
    path("admin/reports/<slug:name>/", admin.site.admin_view(canned_reports.report), name="report"),
]
