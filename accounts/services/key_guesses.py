"""Bounds how often an address may come with a wrong key, in the memory of this process and without asking a store.

A key cannot be guessed (238 random bits); what is bounded is what trying costs us. Whoever holds a valid key is never
refused here, from whatever address: people behind one proxy share an address, and one of them with an old key must not
keep the others out. So the count is asked only about keys that are not known to be good.

What is counted: requests with a wrong key, by address, in windows of a minute that begin with the first of them. The
first ``WRONG_KEYS_PER_MINUTE`` of a window are answered 401, the others 429 until it is over; trying on makes it no
longer. Each process counts by itself. An IPv6 address counts with its /64, which one customer has to himself.
"""

import ipaddress
import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from math import ceil

from django.conf import settings
from django.db import DatabaseError

from accounts import selectors
from accounts.services import config_version

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60.0
MAX_ADDRESSES = 10_000
LIST_SECONDS = 1.0
_NETWORK_BITS = 64


class TooManyWrongKeys(Exception):
    """The address has come with as many wrong keys as it may; another is judged after ``retry_after_seconds``."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(
            "This key or token is not valid, and your address has sent too many that are not. "
            f"Try again in {retry_after_seconds} s; a valid one is taken at any time."
        )
        self.retry_after_seconds = retry_after_seconds


@dataclass(slots=True)
class _Window:
    began_at: float
    count: int = 0

    def seconds_left(self, now: float) -> int:
        return max(0, ceil(self.began_at + WINDOW_SECONDS - now))


class Guesses:
    """Counts wrong keys by address; holds at most ``MAX_ADDRESSES``, of which the oldest is forgotten first."""

    def __init__(self) -> None:
        # In the order in which they began, so that those that are over stand at the head.
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._windows)

    def note(self, address: str, now: float) -> None:
        """Count one wrong key.

        Args:
            address: Who connected; all that are no IP address are counted together.
            now: Seconds of a clock that never goes back.

        Raises:
            TooManyWrongKeys: This one is beyond the limit of its window.
        """
        limit = settings.WRONG_KEYS_PER_MINUTE
        with self._lock:
            self._forget_ended(now)
            window = self._windows.setdefault(_origin(address), _Window(now))
            window.count += 1
            count = window.count
            if len(self._windows) > MAX_ADDRESSES:
                self._windows.popitem(last=False)
        if count == limit:
            logger.warning("%s has sent %s wrong keys in a minute: others are refused until it is over", address, limit)
        if count > limit:
            raise TooManyWrongKeys(window.seconds_left(now))

    def seconds_left(self, address: str, now: float) -> int:
        """Return for how long another wrong key of the address would be refused; 0 where it would be judged."""
        # Without the lock, because reading one entry is whole by itself and every request does it.
        window = self._windows.get(_origin(address)) if self._windows else None
        if window is None or window.count < settings.WRONG_KEYS_PER_MINUTE:
            return 0
        return window.seconds_left(now)

    def forget(self) -> None:
        """Begin anew."""
        with self._lock:
            self._windows.clear()

    def _forget_ended(self, now: float) -> None:
        while self._windows:
            oldest = next(iter(self._windows.values()))
            if now - oldest.began_at < WINDOW_SECONDS:
                return
            self._windows.popitem(last=False)


class KnownKeys:
    """The hashes of all usable keys, at most ``LIST_SECONDS`` old: what a key is held against beyond the limit.

    So a flood of wrong keys asks the database once a second and not once a key. A key that is issued while its address
    is over the limit is taken a second later.
    """

    def __init__(self) -> None:
        self._expiries: dict[str, datetime | None] = {}
        self._version = -1
        self._checked_at = float("-inf")
        self._lock = threading.Lock()

    def may_hold(self, hashes: tuple[str, ...], now: datetime, asked_at: float) -> bool:
        """Say whether one of the hashes is that of a usable key; True where the list cannot be read.

        Args:
            hashes: What the key may be stored under.
            now: By which keys expire.
            asked_at: Seconds of a clock that never goes back, by which the list ages.
        """
        try:
            expiries = self._current(now, asked_at)
        except DatabaseError:
            # Whoever looks the key up next finds the database away as well, and answers for that.
            return True
        found = [expiries[key_hash] for key_hash in hashes if key_hash in expiries]
        return any(expires_at is None or expires_at > now for expires_at in found)

    def forget(self) -> None:
        """Read the list anew on the next use."""
        with self._lock:
            self._version, self._checked_at = -1, float("-inf")

    def _current(self, now: datetime, asked_at: float) -> dict[str, datetime | None]:
        with self._lock:
            if asked_at - self._checked_at >= LIST_SECONDS:
                version = config_version.current()
                if version != self._version:
                    self._expiries = dict(selectors.usable_keys(now).values_list("key_hash", "expires_at"))
                    self._version = version
                self._checked_at = asked_at
            return self._expiries


_guesses = Guesses()
_known = KnownKeys()


def note(address: str) -> None:
    """Count a wrong key or token of the address; raises TooManyWrongKeys beyond the limit."""
    _guesses.note(address, time.monotonic())


def check(address: str, hashes: tuple[str, ...], now: datetime) -> None:
    """Refuse a key without looking it up, where its address is over the limit and no usable key has such a hash.

    Raises:
        TooManyWrongKeys: It is refused; the refusal itself is not counted.
    """
    asked_at = time.monotonic()
    seconds = _guesses.seconds_left(address, asked_at)
    if seconds and not _known.may_hold(hashes, now, asked_at):
        raise TooManyWrongKeys(seconds)


def forget() -> None:
    """Forget every address, and the list of keys."""
    _guesses.forget()
    _known.forget()


@lru_cache(maxsize=MAX_ADDRESSES)
def _origin(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), _NETWORK_BITS), strict=False))
