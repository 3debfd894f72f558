"""How models did over time, as the runs saw them."""

from django.db.models import QuerySet

from accounts.models import Team
from learning.models import ModelPerformance


def trends(team: Team | None, *, pattern: str, limit: int) -> QuerySet[ModelPerformance]:
    """Return the newest ``limit`` rows of a pattern, of one run the best rated first."""
    return ModelPerformance.objects.filter(team=team, pattern=pattern).order_by(
        "-updated_at", "-avg_quality_score", "provider", "model"
    )[:limit]
