"""What learning does when something changes below it."""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from learning.services import overrides
from routing.models import PolicyActivation


@receiver(post_save, sender=PolicyActivation, dispatch_uid="learning.overrides_follow_the_policy")
def overrides_follow_the_policy(instance: PolicyActivation, created: bool, **_: Any) -> None:
    if created:
        overrides.follow(instance)
