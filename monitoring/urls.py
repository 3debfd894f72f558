from django.contrib import admin
from django.urls import path

from monitoring.views import canned_reports
from monitoring.views.dashboard import dashboard, dashboard_data, decide
from monitoring.views.database import database
from monitoring.views.health import HealthView, LivenessView, ReadinessView
from monitoring.views.live import LiveTicketView, LiveView

urlpatterns = [
    path("health", HealthView.as_view()),
    path("health/liveliness", LivenessView.as_view()),
    path("health/live", LivenessView.as_view(schema=None)),
    path("health/readiness", ReadinessView.as_view()),
    path("health/ready", ReadinessView.as_view(schema=None)),
    path("metrics/live", LiveView.as_view()),
    path("metrics/live/ticket", LiveTicketView.as_view()),
    path("ws/metrics/live/", LiveView.as_view(schema=None)),
    path("dashboard/", dashboard, name="dashboard"),
    path("dashboard/data", dashboard_data, name="dashboard-data"),
    path("dashboard/decide", decide, name="decide"),
    path("admin/database/", admin.site.admin_view(database), name="database"),
    path("admin/reports/", admin.site.admin_view(canned_reports.index), name="reports"),
    path("admin/reports/<slug:name>/", admin.site.admin_view(canned_reports.report), name="report"),
]
