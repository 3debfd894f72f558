"""Who may watch, and whether they still may: a team by its key or a ticket, staff by their session."""

import io
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.core import signing
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.utils.http import is_same_domain

from accounts.selectors import KeyInfo
from accounts.services import key_guesses, second_factor
from accounts.services.key_guesses import TooManyWrongKeys
from monitoring.services import access
from routing.gateway import authentication
from routing.gateway.authentication import Unauthenticated
from routing.services import database_clock, snapshot

TICKET_SECONDS = 60
_TICKET_SALT = "live-ticket"


class Refused(Exception):
    """The connection is not let in.

    ``status`` is the HTTP status that says why, ``retry_after_seconds`` when to come back, where that helps.
    """

    def __init__(self, status: int, message: str, retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class Caller:
    """Proved either by a key of a team, or by the session of a member of staff, who may watch every team."""

    key: KeyInfo | None = None
    session_key: str | None = None

    @property
    def team_id(self) -> int | None:
        """The only team whose figures the caller may see; None for staff, who see all."""
        return None if self.key is None else self.key.team.id


def issue_ticket(api_key_id: int) -> str:
    """Return what lets a browser connect once without its key, for ``TICKET_SECONDS``."""
    return signing.dumps(api_key_id, salt=_TICKET_SALT)


def authenticate(scope: Mapping[str, Any]) -> Caller:
    """Return who opens a WebSocket; reads the database where the caller comes with a session.

    Raises:
        Refused: The origin is not one of ours, or nothing proves that the caller may watch.
    """
    try:
        return _caller(_request(scope))
    except TooManyWrongKeys as error:
        raise Refused(429, str(error), error.retry_after_seconds) from error


def _caller(request: HttpRequest) -> Caller:
    has_key = "Authorization" in request.headers or "X-API-Key" in request.headers
    _check_origin(request, may_be_absent=has_key)
    ticket = parse_qs(request.META.get("QUERY_STRING", "")).get("ticket", [""])[0]
    if has_key:
        return _with_key(request)
    if ticket:
        return Caller(key=_key_of_ticket(ticket, _address(request)))
    session_key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if session_key is None and settings.OPTIMIZER_OPEN_API:
        return _with_key(request)
    if session_key is None:
        raise Refused(401, "Log in as staff, send an API key as 'Authorization: Bearer …', or bring a ticket.")
    if not _is_staff_session(session_key):
        raise Refused(403, "This session is not one of staff with a role: log in again, or ask for the role viewer.")
    return Caller(session_key=session_key)


def still_allowed(callers: set[Caller]) -> set[Caller]:
    """Return those of the callers who may still watch: one question to the database for each distinct session."""
    keys = snapshot.held().keys
    now = database_clock.now()
    sessions = {caller.session_key for caller in callers if caller.session_key is not None}
    good = {session_key for session_key in sessions if _is_staff_session(session_key)}
    return {caller for caller in callers if caller.session_key in good or _has_good_key(caller, keys, now)}


def _has_good_key(caller: Caller, keys: Mapping[str, KeyInfo], now: datetime) -> bool:
    if caller.key is None:
        return False
    known = keys.get(caller.key.key_hash)
    return known is not None and (known.expires_at is None or known.expires_at > now)


def _request(scope: Mapping[str, Any]) -> HttpRequest:
    """Read the handshake as the GET request that it is, so that Django's own rules for hosts and proxies apply."""
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    as_http: MutableMapping[str, Any] = {**scope, "type": "http", "method": "GET", "scheme": scheme}
    return ASGIRequest(as_http, io.BytesIO())


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def _check_origin(request: HttpRequest, *, may_be_absent: bool) -> None:
    try:
        own = f"{request.scheme}://{request.get_host()}"
    except DisallowedHost:
        raise Refused(400, "This host name is not one of ALLOWED_HOSTS.") from None
    origin = request.headers.get("Origin")
    if origin is None:
        if may_be_absent:
            return
        raise Refused(403, "A connection without an Origin needs an API key.")
    if origin != own and not _is_trusted(origin):
        raise Refused(403, "This origin may not connect: add it to CORS_ALLOWED_ORIGINS.")


def _is_trusted(origin: str) -> bool:
    if origin in settings.CORS_ALLOWED_ORIGINS:
        return True
    asked = urlsplit(origin)
    trusted = map(urlsplit, settings.CSRF_TRUSTED_ORIGINS)
    return any(asked.scheme == one.scheme and is_same_domain(asked.netloc, one.netloc.lstrip("*")) for one in trusted)


def _with_key(request: HttpRequest) -> Caller:
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        return Caller(key=authentication.authenticate(headers, snapshot.held(), _address(request)))
    except Unauthenticated as error:
        raise Refused(401, str(error)) from error


def _key_of_ticket(ticket: str, address: str) -> KeyInfo:
    try:
        api_key_id = signing.loads(ticket, salt=_TICKET_SALT, max_age=TICKET_SECONDS)
    except signing.BadSignature:
        key_guesses.note(address)
        raise Refused(401, "This ticket is not valid or older than a minute: get a new one.") from None
    for key in snapshot.held().keys.values():
        if key.id == api_key_id:
            return key
    raise Refused(401, "The key of this ticket is expired or revoked.")


def _is_staff_session(session_key: str) -> bool:
    request = HttpRequest()
    request.session = SessionStore(session_key)
    # Also checks that the password is still the one that the session was opened with.
    user = get_user(request)
    return access.may_watch(user) and not second_factor.is_missing(user, request.session)
