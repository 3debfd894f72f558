"""Staff roles: groups whose permissions the product keeps, each with those of the one before."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

VIEWER, OPERATOR, ADMIN = "viewer", "operator", "admin"
_PRODUCT = ("accounts", "routing", "feedback", "learning", "experiments", "insights", "jobs", "django_celery_beat")
# Whoever works with what routes: providers, models, policies, overrides, alerts, retraining, experiments.
_OPERATED: Mapping[str, tuple[str, ...]] = {
    "accounts": ("change_featuregate", "change_rolloutphase"),
    "routing": (
        "change_provider",
        "add_languagemodel",
        "change_languagemodel",
        "change_policyversion",
        "add_teamrule",
        "delete_teamrule",
    ),
    "learning": (
        "change_learningoverride",
        "change_learningalert",
        "add_retrainingrun",
        "change_evaluationset",
        "change_calibration",
    ),
    "experiments": ("add_experiment", "change_experiment"),
    "insights": ("change_finding",),
    "jobs": ("change_deadletter",),
    "monitoring": ("view_database", "add_alertrule", "change_alertrule", "change_alert", "change_alertdelivery"),
}
# Everybody may see what is watched; the database page shows other people's statements.
_SEEN = tuple(
    f"view_{name}" for name in ("alert", "alertrule", "alertchannel", "alertdelivery", "integritycheck", "tablesize")
)
# Not the groups themselves: whoever may change a role holds every role. Nor who is a superuser: see the page of users.
_STAFFED = ("view_user", "add_user", "change_user", "view_group")


def keep(*, using: str = "default", **_: Any) -> None:
    """Make the three groups, and give each exactly its permissions; a receiver of ``post_migrate``.

    Other groups are left alone, and so is who is in which.
    """
    viewing = Q(content_type__app_label__in=_PRODUCT, codename__startswith="view_")
    viewing |= Q(content_type__app_label="monitoring", codename__in=_SEEN)
    operating = viewing
    for app, codenames in _OPERATED.items():
        operating |= Q(content_type__app_label=app, codename__in=codenames)
    administering = operating | Q(content_type__app_label__in=_PRODUCT)
    administering |= Q(content_type__app_label="monitoring", codename="change_alertchannel")
    administering |= Q(content_type__app_label="auth", codename__in=_STAFFED)
    administering |= Q(content_type__app_label="admin", codename="view_logentry")
    administering |= Q(content_type__app_label="axes", codename__in=("view_accessattempt", "change_accessattempt"))
    for name, wanted in ((VIEWER, viewing), (OPERATOR, operating), (ADMIN, administering)):
        group, _created = Group.objects.using(using).get_or_create(name=name)
        group.permissions.set(Permission.objects.using(using).filter(wanted))
