from django.urls import path

from accounts.views import DisableView, EnableView, FeatureListView, ResetView

urlpatterns = [
    path("api/features", FeatureListView.as_view()),
    path("api/features/<slug:name>/enable", EnableView.as_view()),
    path("api/features/<slug:name>/disable", DisableView.as_view()),
    path("api/features/<slug:name>/reset", ResetView.as_view()),
]
