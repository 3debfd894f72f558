"""Who gave far more ratings in the last day than can count."""

from datetime import datetime, timedelta

from django.db.models import Count, QuerySet

from accounts.models import Team
from accounts.selectors import in_scope
from feedback.models import ResponseFeedback
from learning.domain.vote_floods import PER_KEY_AND_DAY, PER_PERSON_AND_DAY, Flood

# Of the largest ones. Whoever makes up people to flood with makes up many.
MAX_FLOODS = 100


def floods(team: Team | None, *, now: datetime) -> list[Flood]:
    """Return the floods of a scope in the last 24 hours, the largest first, those of people before those of keys.

    Every linked rating counts here, repeated ones of a request too.

    Args:
        team: Whose policy is learned; None for the one that teams share.
    """
    rated = ResponseFeedback.objects.filter(
        in_scope(team), linked=True, created_at__gte=now - timedelta(days=1), created_at__lt=now
    ).order_by()
    return [*_of_people(rated), *_of_keys(rated)]


def _of_people(rated: QuerySet[ResponseFeedback]) -> list[Flood]:
    rows = (
        rated.filter(user_id__isnull=False, pattern__isnull=False, provider__isnull=False, served_model__isnull=False)
        .values("team_id", "user_id", "pattern", "provider", "served_model")
        .annotate(ratings=Count("id"))
        .filter(ratings__gt=PER_PERSON_AND_DAY)
        .order_by("-ratings", "team_id", "user_id", "pattern")
    )
    return [
        Flood(
            ratings=row["ratings"],
            team_id=row["team_id"],
            pattern=str(row["pattern"]),
            full_name=f"{row['provider']}/{row['served_model']}",
            user_id=row["user_id"],
        )
        for row in rows[:MAX_FLOODS]
    ]


def _of_keys(rated: QuerySet[ResponseFeedback]) -> list[Flood]:
    rows = (
        rated.filter(user_id__isnull=True, api_key_id__isnull=False)
        .values("team_id", "api_key_id")
        .annotate(ratings=Count("id"))
        .filter(ratings__gt=PER_KEY_AND_DAY)
        .order_by("-ratings", "api_key_id")
    )
    return [Flood(**row) for row in rows[:MAX_FLOODS]]
