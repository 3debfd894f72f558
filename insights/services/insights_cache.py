"""Keeps a team's insights: first in this process, then in Django's cache, until they age or what they rest on changes.

Every look-up asks the database for the team's version, one row by its key; an insight kept under another version is not
given out. Only while the database cannot answer, the last one known here is, marked as stale.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError

from accounts.services import replica, telemetry
from insights.services import invalidation
from routing.services import metrics_cache

# Traffic changes insights too, and is no event: this is how far they may lag behind it.
SHARED_SECONDS = 300
OWN_SECONDS = 60
MOST_KEPT = 1_000
_AWAY = (OperationalError, InterfaceError)


@dataclass(frozen=True, slots=True)
class Kept:
    """An insight as JSON; ``is_stale``: it may be out of date, and nothing newer can be had at present."""

    text: str
    is_stale: bool


@dataclass(frozen=True, slots=True)
class _Entry:
    version: int
    expires_at: float
    text: str


class InsightsCache:
    """One process's level of the cache, above the level that processes share."""

    def __init__(self, most_kept: int = MOST_KEPT) -> None:
        self._most_kept = most_kept
        self._entries: OrderedDict[tuple[int, str], _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, team_id: int, name: str, compute: Callable[[], str]) -> Kept:
        """Return a team's insight, computed anew where none is kept that still holds.

        Args:
            name: What it is, with all parameters that it depends on.

        Raises:
            Exception: Whatever computing raises; an outage of the database only where nothing is known here.
        """
        key = (team_id, name)
        try:
            return Kept(self._current(key, invalidation.version(team_id), compute), is_stale=False)
        except _AWAY:
            known = self._entries.get(key)
            if known is None:
                raise
            return Kept(known.text, is_stale=True)

    def clear(self) -> None:
        """Forget what this process keeps; for tests."""
        with self._lock:
            self._entries.clear()

    def _current(self, key: tuple[int, str], version: int, compute: Callable[[], str]) -> str:
        kept = self._entries.get(key)
        if kept is not None and kept.version == version and kept.expires_at > time.monotonic():
            telemetry.count("insights_cache_lookups_total", result="hit")
            return kept.text
        computed = False

        def noted() -> str:
            nonlocal computed
            computed = True
            return replica.read(compute, has_arrived=lambda: invalidation.version(team_id) >= version)

        team_id, name = key
        text = metrics_cache.get(f"insights:{team_id}:{version}:{name}", noted, seconds=SHARED_SECONDS)
        telemetry.count("insights_cache_lookups_total", result="miss" if computed else "hit")
        self._keep(key, _Entry(version, time.monotonic() + OWN_SECONDS, text))
        return text

    def _keep(self, key: tuple[int, str], entry: _Entry) -> None:
        with self._lock:
            self._entries[key] = entry
            self._entries.move_to_end(key)
            while len(self._entries) > self._most_kept:
                self._entries.popitem(last=False)


_cache = InsightsCache()
get = _cache.get
clear = _cache.clear
