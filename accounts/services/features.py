"""Switches features off and on, and tells the rest of the product which are on.

Whoever asks is answered from memory, which is at most half a second behind the database. While the database is away the
last known state holds; a process that has never reached one takes every feature for off. The gateway does not ask here:
its snapshot holds the same ``Gates``.
"""

import logging
import threading
import time
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, InterfaceError, transaction

from accounts import selectors
from accounts.domain.features import LEARNING, UNKNOWN, Feature, FeatureDisabled, Gates, Named
from accounts.models import FeatureChange, FeatureGate, Team
from accounts.services import config_version

__all__ = ["Feature", "FeatureDisabled", "UnknownFeature", "disable", "enable", "is_enabled", "require", "reset"]

logger = logging.getLogger(__name__)

CHECK_SECONDS = 0.5

Kind = FeatureChange.Kind

_held: Gates | None = None
_held_version = -1
_checked_at = float("-inf")
_lock = threading.Lock()


class UnknownFeature(Exception):
    """No feature has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no feature {name!r}: use one of {', '.join(Feature)}.")


def named(name: str) -> Feature:
    """Return the feature of this name; raises UnknownFeature."""
    try:
        return Feature(name)
    except ValueError:
        raise UnknownFeature(name) from None


def is_enabled(name: str, team: Named | None = None) -> bool:
    """Return whether the feature is on for the team; for None, whether it is on at all. Raises UnknownFeature."""
    return current().is_enabled(named(name), team)


def require(name: str, team: Named | None = None) -> None:
    """Raise FeatureDisabled unless the feature is on for the team; raises UnknownFeature."""
    current().require(named(name), team)


def load() -> Gates:
    """Read what is on from the database and the environment; raises DatabaseError."""
    return selectors.gates(forced_off=forced_off())


def forced_off() -> frozenset[Feature]:
    """Return what the environment switches off, whatever the database says."""
    named_off = frozenset(map(Feature, settings.LEARNING_FEATURES_DISABLED))
    return named_off if settings.LEARNING_ENABLED else named_off | LEARNING


def current() -> Gates:
    """Return what is on, at most ``CHECK_SECONDS`` behind the database while that answers."""
    global _checked_at
    if time.monotonic() - _checked_at < CHECK_SECONDS:
        return _held or UNKNOWN
    # One thread asks; the others go on with what is held, so that a slow store delays one call and not all.
    if not _lock.acquire(blocking=_held is None):
        return _held or UNKNOWN
    try:
        if time.monotonic() - _checked_at >= CHECK_SECONDS:
            _check()
            _checked_at = time.monotonic()
        return _held or UNKNOWN
    finally:
        _lock.release()


def forget() -> None:
    """Read anew on the next use; for whoever has just changed something, and for tests."""
    global _held, _held_version, _checked_at
    _held, _held_version, _checked_at = None, -1, float("-inf")


def enable(name: str, *, team: Team | None = None, reason: str = "", actor: str, now: datetime) -> FeatureGate:
    """Switch a feature on for everybody, or for one team whatever the rollout says; raises UnknownFeature.

    What is off for everybody stays off for the team until it is on for everybody too.
    """
    return _switch(named(name), team, is_enabled=True, reason=reason, actor=actor, now=now)


def disable(name: str, *, team: Team | None = None, reason: str = "", actor: str, now: datetime) -> FeatureGate:
    """Switch a feature off for everybody or for one team, effective everywhere in a second; raises UnknownFeature."""
    return _switch(named(name), team, is_enabled=False, reason=reason, actor=actor, now=now)


def reset(name: str, *, team: Team, reason: str = "", actor: str, now: datetime) -> bool:
    """Remove what a team has of its own, so that it follows everybody and the rollout; raises UnknownFeature.

    Returns:
        Whether there was anything to remove.
    """
    feature = named(name)
    with transaction.atomic():
        config_version.bump()
        removed, _ = FeatureGate.objects.filter(feature=feature, team=team).delete()
        if removed:
            _record(feature, team, Kind.RESET, reason=reason, actor=actor, now=now)
    _read_anew()
    return removed > 0


def _switch(
    feature: Feature, team: Team | None, *, is_enabled: bool, reason: str, actor: str, now: datetime
) -> FeatureGate:
    with transaction.atomic():
        # Switches take turns on the row that this counts in, so the last one to commit is the last one recorded.
        config_version.bump()
        gate, _ = FeatureGate.objects.update_or_create(
            feature=feature,
            team=team,
            defaults={"is_enabled": is_enabled, "reason": reason, "changed_by": actor, "changed_at": now},
        )
        kind = Kind.ENABLED if is_enabled else Kind.DISABLED
        _record(feature, team, kind, reason=reason, actor=actor, now=now)
    _read_anew()
    return gate


def _record(
    feature: Feature, team: Team | None, kind: FeatureChange.Kind, *, reason: str, actor: str, now: datetime
) -> None:
    FeatureChange.objects.create(
        feature=feature,
        team=team,
        team_slug=team.slug if team else "",
        kind=kind,
        reason=reason,
        changed_by=actor,
        changed_at=now,
    )
    logger.warning("Feature %s %s for %s by %s", feature, kind, team.slug if team else "everybody", actor)


def _read_anew() -> None:
    """See one's own change at once; what is held stays, for the case that the store goes away now."""
    global _checked_at
    _checked_at = float("-inf")


def _check() -> None:
    global _held, _held_version
    try:
        version = config_version.current()
        if _held is None or version != _held_version:
            # The version was read first: what is loaded is at least as new, and a change in between loads again.
            _held, _held_version = load(), version
    except (DatabaseError, InterfaceError) as error:
        state = "the last known state holds" if _held else "every feature counts as off"
        logger.warning("Features cannot be read, %s: %s", state, type(error).__name__)
