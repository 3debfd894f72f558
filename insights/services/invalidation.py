"""Says that what a team's insights rest on has changed."""

from django.db.models import F

from insights.models import InsightsVersion


def bump(team_id: int) -> None:
    """Make every process compute the team's insights anew; call it in the transaction that changes them."""
    versions = InsightsVersion.objects.filter(team_id=team_id)
    if not versions.update(number=F("number") + 1):
        InsightsVersion.objects.get_or_create(team_id=team_id)
        versions.update(number=F("number") + 1)


def version(team_id: int) -> int:
    """Return how often that has happened."""
    return InsightsVersion.objects.filter(team_id=team_id).values_list("number", flat=True).first() or 0
