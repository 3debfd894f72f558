"""G2: every path that names a row, with another team's, asked by everybody who may ask at all, during load."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import aiohttp

from faults.cell import Cell
from faults.cells.providers import good_ones_served
from faults.load import Plan
from faults.stack import Stack
from tests.access.table import LET_IN, RULES, Answer, Caller, Row, rows

if TYPE_CHECKING:
    from tests.access.world import World

# Replicas know of new keys and experiments within a second.
KNOWN_SECONDS = 2.0
_CALLERS = (Caller.NOBODY, Caller.KEY, Caller.ADMIN_KEY)
# Sessions: staff with a role see all teams, so what is foreign to them is what their role does not allow.
_SESSIONS = (Caller.USER, Caller.NEWCOMER, Caller.VIEWER, Caller.FORGED)
# Production's names of them.
_SESSION_COOKIE, _CSRF_COOKIE, _CSRF_TOKEN = "__Host-sessionid", "__Host-csrftoken", "a" * 32
# What a route needs besides its path before it looks for a row.
_BODIES: Mapping[str, dict[str, Any]] = {
    "/experiments/{experiment_id}/weights": {"weights": {"control": 0.4, "test": 0.6}},
    "/api/findings/{finding_id}/feedback": {"verdict": "rejected"},
}
_SECONDS = aiohttp.ClientTimeout(total=20)


async def ask_for_foreign_rows(stack: Stack) -> None:
    """Ask for another team's rows by their true ids: whoever is let in must be told what is told of ids of nobody."""
    from tests.access import world

    built = await asyncio.to_thread(world.build)
    await asyncio.sleep(KNOWN_SECONDS)
    headers = await asyncio.to_thread(_headers, built)
    async with aiohttp.ClientSession(timeout=_SECONDS, cookie_jar=aiohttp.DummyCookieJar()) as session:
        for caller in (*_CALLERS, *_SESSIONS):
            for row in rows():
                if row.has_owned_id and not (caller in _SESSIONS and _answer(row, caller) == LET_IN):
                    await _compare(session, stack, built, caller, row, headers[caller])
        await _look_as_viewer(session, stack, built, headers[Caller.VIEWER])
    await asyncio.to_thread(_remove, built)


def _answer(row: Row, caller: Caller) -> Answer:
    return RULES[row.rule].answer(caller, row.method)


def _headers(built: "World") -> dict[Caller, dict[str, str]]:
    """Return what each caller sends: a key, or the cookie of a session, with the token of a form but for the forged."""
    found: dict[Caller, dict[str, str]] = {Caller.NOBODY: {}}
    found |= {caller: {"Authorization": f"Bearer {secret}"} for caller, secret in built.secrets.items()}
    for caller in _SESSIONS:
        cookie = f"{_SESSION_COOKIE}={built.client(caller).session.session_key}"
        found[caller] = {"Cookie": cookie}
        if caller is not Caller.FORGED:
            found[caller] = {"Cookie": f"{cookie}; {_CSRF_COOKIE}={_CSRF_TOKEN}", "X-CSRFToken": _CSRF_TOKEN}
    return found


async def _look_as_viewer(
    session: aiohttp.ClientSession, stack: Stack, built: "World", headers: Mapping[str, str]
) -> None:
    """See that sessions are taken for what they are: a viewer may look, or being refused elsewhere says nothing."""
    row = next(row for row in rows() if row.path == "/experiments/{experiment_id}" and row.method == "GET")
    status, text = await _ask(session, row, stack.urls[0], built.theirs.ids, headers)
    if status != 200:
        stack.problems.append(f"a viewer's session, which may look at all teams, was answered {status} {text[:80]}")


async def _compare(
    session: aiohttp.ClientSession,
    stack: Stack,
    built: "World",
    caller: Caller,
    row: Row,
    headers: Mapping[str, str],
) -> None:
    from tests.access.world import CANARY, NOBODYS

    expected = _answer(row, caller)
    status, foreign = await _ask(session, row, stack.urls[0], built.theirs.ids, headers)
    of_nobody = await _ask(session, row, stack.urls[1], NOBODYS, headers)
    if (status, foreign) != of_nobody or status != (404 if expected == LET_IN else expected):
        stack.problems.append(f"{row.method} {row.path}, {caller}: {status} {foreign[:80]}, of nobody {of_nobody}")
    if CANARY in foreign:
        stack.problems.append(f"{row.method} {row.path} tells {caller} of another team")


async def _ask(
    session: aiohttp.ClientSession, row: Row, url: str, ids: Mapping[str, str], headers: Mapping[str, str]
) -> tuple[int, str]:
    """Return the status and the words, without the id that was asked for."""
    from tests.access.world import SHARED_NAMES

    body = _BODIES.get(row.path, {}) if row.method == "POST" else None
    address = url + row.path.format(**SHARED_NAMES, **ids)
    async with session.request(row.method, address, json=body, headers=headers, allow_redirects=False) as response:
        text = await response.text(errors="replace")
    for name in row.parameters:
        text = text.replace(f" {ids.get(name)}", f" {{{name}}}")
    return response.status, text


def _remove(built: "World") -> None:
    """Take away what was never asked of the provider, before the ledger is held against its books."""
    from feedback.models import ResponseFeedback
    from routing.models import LedgerEntry

    for model in (ResponseFeedback, LedgerEntry):
        model.objects.filter(team__in=(built.ours.team, built.theirs.team)).delete()


CELLS = (
    Cell(
        "G2",
        "another team's rows, by every path and caller",
        Plan(models=("ok",), concurrency=6, seconds=14.0),
        ask_for_foreign_rows,
        expect=(good_ones_served,),
    ),
)
