"""Teams: who pays."""

from django.db import IntegrityError, transaction

from accounts.models import Team
from accounts.services import config_version


class TeamExists(Exception):
    """Another team has this slug or external reference."""


def create(
    *,
    slug: str,
    name: str = "",
    external_ref: str | None = None,
    baseline_model: str = "",
    cache_ttl_seconds: int | None = None,
    prompt_retention_days: int | None = None,
    min_quality: float | None = None,
    upgrade_limit_percent: int | None = None,
    keeps_embeddings: bool = True,
    learns_alone: bool = False,
) -> Team:
    """Create a team, named like its slug when no name is given; raises TeamExists, and ValidationError by field.

    Args:
        external_ref: Unique, such as the URL of the team's repository.
        baseline_model: What savings are measured against; empty for the dearest model of the top tier.
        cache_ttl_seconds: 1 to 86400; None turns the response cache off.
        prompt_retention_days: Days that prompts and answers are kept, encrypted; None keeps none.
        min_quality: Least expected quality in [0, 1] where a request names none; None for the policy's.
        upgrade_limit_percent: Of routed requests, the share that may go to a dearer model than usual; None for that of
            ``UPGRADE_LIMIT_PERCENT``.
        keeps_embeddings: Whether a numeric summary of each routed prompt is kept to learn from.
        learns_alone: Whether routing learns from this team's evidence only, and no other team from it.
    """
    taken = Team.objects.filter(slug=slug)
    if external_ref:
        taken |= Team.objects.filter(external_ref=external_ref)
    if taken.exists():
        raise TeamExists(f"A team with the slug {slug!r} or the same external reference exists: choose another.")
    team = Team(
        slug=slug,
        name=name or slug,
        external_ref=external_ref or None,
        baseline_model=baseline_model,
        cache_ttl_seconds=cache_ttl_seconds,
        prompt_retention_days=prompt_retention_days,
        min_quality=min_quality,
        upgrade_limit_percent=upgrade_limit_percent,
        keeps_embeddings=keeps_embeddings,
        learns_alone=learns_alone,
    )
    team.full_clean()
    try:
        with transaction.atomic():
            team.save(force_insert=True)
            config_version.bump()
    except IntegrityError as error:
        raise TeamExists(f"A team like {slug!r} was created at the same moment: choose another slug.") from error
    return team


def set_cache_lifetime(team: Team, seconds: int | None, *, only_if: int | None) -> int | None:
    """Keep the team's answers for ``seconds`` (1 to 86400; None turns the cache off) where it is ``only_if`` now.

    Returns:
        What it was before. Only where that is ``only_if`` has anything changed.
    """
    with transaction.atomic():
        before = Team.objects.select_for_update(no_key=True).values_list("cache_ttl_seconds", flat=True).get(id=team.id)
        if before == only_if and before != seconds:
            Team.objects.filter(id=team.id).update(cache_ttl_seconds=seconds)
            team.cache_ttl_seconds = seconds
            config_version.bump()
    return before
