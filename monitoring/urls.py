from django.urls import path

from monitoring.views import HealthView, LivenessView, ReadinessView

urlpatterns = [
    path("health", HealthView.as_view()),
    path("health/liveliness", LivenessView.as_view()),
    path("health/live", LivenessView.as_view(schema=None)),
    path("health/readiness", ReadinessView.as_view()),
    path("health/ready", ReadinessView.as_view(schema=None)),
]
