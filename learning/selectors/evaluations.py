"""Evaluations of policies, and the policies themselves. A ``team`` of None means the policy that teams share."""

from datetime import datetime

from django.db.models import Prefetch, QuerySet

from accounts.models import Team
from learning.models import PolicyEvaluation
from routing.models import PolicyActivation, PolicyVersion


def newest(team: Team | None, *, version: int | None = None, limit: int) -> QuerySet[PolicyEvaluation]:
    """Return the newest evaluations of a scope's candidates, of one of them if ``version`` is given."""
    found = PolicyEvaluation.objects.filter(candidate__team=team).order_by("-evaluated_at", "-id")
    return (found if version is None else found.filter(candidate_id=version))[:limit]


def versions(team: Team | None, *, limit: int) -> list[PolicyVersion]:
    """Return the newest versions of a scope, each with ``activation_times``, newest first."""
    activations = Prefetch("activations", PolicyActivation.objects.order_by("-activated_at", "-id"))
    found = list(
        PolicyVersion.objects.filter(team=team)
        .select_related("predictor")
        .defer("document", "predictor__content")
        .prefetch_related(activations)[:limit]
    )
    for policy in found:
        times: list[datetime] = [activation.activated_at for activation in policy.activations.all()]
        policy.activation_times = times  # type: ignore[attr-defined]
    return found
