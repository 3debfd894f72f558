"""What a team should improve next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from accounts.models import Team
from accounts.services import features, telemetry
from accounts.services.features import Feature
from insights.domain import learning_paths
from insights.domain.learning_paths import LearningPath
from insights.models import LearningPath as StoredPath
from insights.selectors import learned, suggestions


@dataclass(frozen=True, slots=True)
class Paths:
    """A team's paths, the most worthwhile first, and in which place each type was when they were last kept."""

    paths: tuple[LearningPath, ...]
    places_before: Mapping[str, int]


def of_team(team: Team, *, now: datetime) -> Paths:
    """Return the paths as they are now."""
    before = StoredPath.objects.filter(team=team).values_list("finding_type", "place")
    return Paths(build(team, now=now), dict(before))


def build(team: Team, *, now: datetime) -> tuple[LearningPath, ...]:
    """Gather the team's suggestions into paths, by what was learned from its answers."""
    with telemetry.timed("learning_path_generation_duration_seconds"):
        learns = features.is_enabled(Feature.PATTERN_LEARNING, team)
        patterns = learned.patterns(team) if learns else ()
        return learning_paths.build(suggestions.order(team, now=now), patterns)
