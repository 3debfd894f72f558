"""Which model each pattern is sent to. The active policy's document says so; the rows tell why, and since when."""

from collections.abc import Mapping

from django.db.models import QuerySet

from accounts.models import Team
from learning.models import LearningOverride
from routing.domain.policy import Override
from routing.models import PolicyVersion
from routing.selectors import policies


def in_force(team: Team | None) -> dict[str, Override]:
    """Return the overrides of the active policy by pattern; none where no policy routes."""
    return in_document(policies.active(team))


def in_document(policy: PolicyVersion | None) -> dict[str, Override]:
    """Return the overrides that a policy's document holds, by pattern."""
    entries = policy.document["overrides"] if policy is not None else ()
    return {entry["pattern"]: Override(**entry) for entry in entries}


def active_rows(team: Team | None) -> QuerySet[LearningOverride]:
    return LearningOverride.objects.filter(team=team, status=LearningOverride.Status.ACTIVE)


def taken_away_by_staff(team: Team | None) -> Mapping[tuple[str, str], str]:
    """Return why runs leave a (pattern, full name) alone: staff revoked it and have not activated it since."""
    newest: dict[tuple[str, str], LearningOverride] = {}
    for row in LearningOverride.objects.filter(team=team).order_by("created_at", "id"):
        newest[row.pattern, f"{row.provider}/{row.model}"] = row
    return {key: f"revoked by {row.revoked_by}: {row.revoked_reason}" for key, row in newest.items() if row.revoked_by}
