"""Every route, asked by everybody: who is let in, and that another team's row is like one that nobody has."""

import asyncio
import json
import logging
import re
from collections.abc import Iterable, Iterator, MutableMapping
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.sessions.models import Session
from django.db import transaction
from django.test import Client, RequestFactory
from pytest_django import Settings
from rest_framework.settings import api_settings

from accounts.services import features
from monitoring.services.live import callers
from monitoring.services.live.callers import Refused
from optimizer_project import asgi
from routing.services import snapshot
from tests.access import routes, world
from tests.access.table import KEYS, LET_IN, OWNED, PROVED_ALIKE, RULES, SHARED, Caller, Row, rows, samples
from tests.access.world import CANARY, NOBODYS, SHARED_NAMES, Asked, World

# What a route needs besides its path before it looks for a row; everything else is asked with an empty body.
BODIES: dict[str, dict[str, Any]] = {
    "/experiments/{experiment_id}/weights": {"weights": {"control": 0.4, "test": 0.6}},
    "/api/findings/{finding_id}/feedback": {"verdict": "rejected"},
}
QUERIES = {
    "GET /admin/performance/trends": {"pattern": "code"},
    "GET /api/admin/performance/trends": {"pattern": "code"},
    "POST /admin/learning/outcomes": {"name": "a set"},
    "POST /api/admin/learning/outcomes": {"name": "a set"},
}
MEDIA_TYPES = {"/admin/learning/outcomes": "text/csv", "/api/admin/learning/outcomes": "text/csv"}
OVER_DJANGO = [row for row in rows() if row.method != "WS" and row.rule != "gateway"]
OVER_GATEWAY = [row for row in rows() if row.rule == "gateway"]
SOCKETS = [row for row in rows() if row.method == "WS"]
NAMED = re.compile(r"\{\w+\}")
# Of Django's: the log-in itself, the log-out, and the words of its scripts, which are everybody's.
OPEN_PAGES = frozenset({"/admin/login/", "/admin/logout/", "/admin/jsi18n/"})
WITH_OWNED_ID = [row for row in OVER_DJANGO if row.has_owned_id]


@pytest.fixture(autouse=True)
def patient_and_silent(settings: Settings) -> Iterator[None]:
    """Count no wrong keys, and write no log: being refused is what is asked for here."""
    settings.WRONG_KEYS_PER_MINUTE = 1_000_000
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def two_teams(db: None) -> World:
    return world.build()


def ask(client: Client, row: Row, ids: dict[str, str], **query: str) -> Asked:
    """Ask once, and take back what that has changed."""
    path = row.path.format(**SHARED_NAMES | ids)
    body = json.dumps(BODIES.get(row.path, {})) if row.method == "POST" else ""
    with transaction.atomic():
        answer = client.generic(
            row.method,
            path,
            body,
            content_type=MEDIA_TYPES.get(row.path, "application/json"),
            query_params={**QUERIES.get(f"{row.method} {row.path}", {}), **query},
        )
        content = world.content_of(answer)
        transaction.set_rollback(True)
    features.forget()
    headers = {name: value for name, value in answer.headers.items() if name != "Content-Length"}
    return Asked(answer.status_code, f"{headers} {content.decode()}")


def fits(row: Row, caller: Caller, status: int) -> bool:
    expected = RULES[row.rule].answer(caller, row.method)
    if expected != LET_IN:
        return status == expected
    return status == row.status if row.status else status not in (401, 403, 404, 500)


def misfit(row: Row, caller: Caller, status: int) -> str:
    return f"{row.method} {row.path} answers {status} to {caller}"


def misfits(row: Row, statuses: Iterable[tuple[Caller, int]]) -> list[str]:
    return [misfit(row, caller, status) for caller, status in statuses if not fits(row, caller, status)]


def all_misfits(two_teams: World, caller: Caller, asked: Iterable[Row]) -> list[str]:
    client = two_teams.client(caller)
    statuses = [(row, ask(client, row, dict(two_teams.ours.ids)).status) for row in asked]
    return [misfit(row, caller, status) for row, status in statuses if not fits(row, caller, status)]


def test_the_table_has_every_route_and_nothing_else():
    listed = [(row.method, row.path) for row in rows()]
    sockets = {("WS", path) for path in routes.sockets() if not path.endswith("/")}

    assert sorted(listed) == sorted(routes.operations() | sockets)


def test_every_parameter_of_a_path_is_known_as_a_teams_or_everybodys():
    assert {name for row in rows() for name in row.parameters} == OWNED | SHARED


def test_the_schema_says_of_each_operation_whether_it_needs_a_key():
    documented = routes.operations_of(routes.schema())
    open_to_all = {operation for operation, described in documented.items() if {} in described.get("security", [{}])}
    rules = {(row.method, row.path): row.rule for row in rows()}

    assert set(documented) <= set(rules)
    # A browser rates an answer by the answer's own token.
    by_token = {("POST", "/feedback")}
    assert open_to_all - by_token == {operation for operation in documented if rules[operation] == "open"}


def test_every_view_asks_for_keys_and_sessions_in_the_same_way_or_for_nothing():
    views = routes.api_views().values()
    usual = [*api_settings.DEFAULT_AUTHENTICATION_CLASSES]

    assert {view for view in views if [*view.authentication_classes] not in ([], usual)} == set()


@pytest.mark.parametrize("caller", [Caller.NOBODY, Caller.WRONG_KEY, Caller.NEWCOMER, Caller.VIEWER, Caller.OPERATOR])
def test_a_caller_is_let_in_exactly_where_the_table_says(two_teams: World, caller: Caller):
    assert all_misfits(two_teams, caller, OVER_DJANGO) == []


def test_what_is_wrong_with_a_key_or_a_session_makes_no_difference(two_teams: World):
    wrong = {caller: all_misfits(two_teams, caller, samples(OVER_DJANGO)) for caller in PROVED_ALIKE}

    assert wrong == {caller: [] for caller in PROVED_ALIKE}


def test_a_session_changes_nothing_without_its_csrf_token(two_teams: World):
    forms = [row for row in OVER_DJANGO if row.method == "POST"]

    assert all_misfits(two_teams, Caller.FORGED, [*forms, *samples(OVER_DJANGO)]) == []


@pytest.mark.parametrize("caller", KEYS)
def test_a_team_gets_its_own_and_of_another_not_even_that_it_exists(two_teams: World, caller: Caller):
    client = two_teams.client(caller)
    rows_let_in = [row for row in WITH_OWNED_ID if RULES[row.rule].answer(caller, row.method) == LET_IN]

    own = [(row, ask(client, row, dict(two_teams.ours.ids))) for row in OVER_DJANGO]
    foreign = {row.path: ask(client, row, dict(two_teams.theirs.ids)) for row in rows_let_in}
    unknown = {row.path: ask(client, row, NOBODYS) for row in rows_let_in}

    assert [misfit(row, caller, asked.status) for row, asked in own if not fits(row, caller, asked.status)] == []
    assert {path: asked.status for path, asked in foreign.items() if asked.status != 404} == {}
    assert nameless(foreign, two_teams.theirs.ids) == nameless(unknown, NOBODYS)
    assert [row.path for row, asked in own if CANARY in asked.text] == []


def nameless(asked: dict[str, Asked], ids: Any) -> dict[str, str]:
    """Return the answers without the ids that were asked for."""
    texts = {path: found.text for path, found in asked.items()}
    for value in ids.values():
        texts = {path: text.replace(f" {value}", " ID") for path, text in texts.items()}
    return texts


@pytest.mark.parametrize("caller", KEYS)
def test_another_teams_name_is_answered_as_one_that_nobody_has(two_teams: World, caller: Caller):
    client = two_teams.client(caller)
    documented = routes.operations_of(routes.schema())
    naming_a_team = [row for row in OVER_DJANGO if routes.takes(documented.get((row.method, row.path), {}), "team")]
    let_in = [row for row in naming_a_team if RULES[row.rule].answer(caller, row.method) == LET_IN]

    def answers(slug: str) -> dict[str, tuple[int, str]]:
        asked = {f"{row.method} {row.path}": ask(client, row, dict(two_teams.ours.ids), team=slug) for row in let_in}
        return {name: (found.status, found.text.replace(slug, "SLUG")) for name, found in asked.items()}

    foreign = answers(two_teams.theirs.team.slug)

    assert {name: status for name, (status, _) in foreign.items() if status != 404} == {}
    assert foreign == answers("nobodys-team")
    assert len(foreign) >= 10


def test_no_page_of_the_admin_opens_without_a_session_of_staff(two_teams: World):
    client = two_teams.client(Caller.NOBODY)
    pages = routes.admin_pages() - OPEN_PAGES

    answers = {page: client.get(NAMED.sub("1", page)) for page in pages}

    assert {page for page, answer in answers.items() if not is_to_login(answer)} == set()
    assert len(pages) > 300


@pytest.mark.parametrize("caller", [*KEYS, Caller.USER])
def test_the_admin_is_closed_to_keys_and_to_users_who_are_no_staff(two_teams: World, caller: Caller):
    client = two_teams.client(caller)

    assert is_to_login(client.get("/admin/"))
    assert is_to_login(client.post("/admin/accounts/team/add/", {"name": "Mine", "slug": "mine"}))


def test_a_viewer_has_no_right_to_change_anything_in_the_admin(two_teams: World):
    request = RequestFactory().get("/admin/")
    request.user = two_teams.staff[Caller.VIEWER]

    rights = {
        model.__name__: (
            page.has_add_permission(request),
            page.has_change_permission(request),
            page.has_delete_permission(request),
        )
        for model, page in admin.site._registry.items()
    }

    assert {name: held for name, held in rights.items() if any(held)} == {}
    assert len(rights) > 40


def test_a_viewers_post_to_a_page_of_the_admin_changes_no_row(two_teams: World):
    client = two_teams.client(Caller.VIEWER)
    # Everybody sets up a second factor of their own; what a list or a row may be made to do, the rights above say.
    lists = {f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry}
    own = ("{object_id}/", "/add/", "/change/", "/delete/", "/history/", "/second-factor/")
    pages = {page for page in routes.admin_pages() - OPEN_PAGES - lists if not page.endswith(own)}
    before = counts()

    statuses = {
        page: client.post(NAMED.sub("1", page), {"confirmed": "yes", "reason": "x"}).status_code
        for page in sorted(pages)
    }

    assert {page: status for page, status in statuses.items() if status >= 500} == {}
    assert counts() == before
    assert len(pages) > 20


def counts() -> dict[str, int]:
    """Return the rows of each table but those that every log-in and request writes."""
    return {model.__name__: model._default_manager.count() for model in apps.get_models() if is_counted(model)}


def is_counted(model: Any) -> bool:
    return bool(model._meta.managed) and model is not Session


def is_to_login(answer: Any) -> bool:
    return bool(answer.status_code == 302 and answer.headers["Location"].startswith("/admin/login/"))


def test_the_gateway_lets_in_whom_the_table_says(transactional_db: None):
    built = world.build()

    answered = asyncio.run(through_the_gateway(built))

    assert [wrong for row, statuses in answered for wrong in misfits(row, statuses)] == []


async def through_the_gateway(built: World) -> list[tuple[Row, list[tuple[Caller, int]]]]:
    await asgi.gateway.startup()
    try:
        return [(row, [(caller, await post(row.path, built, caller)) for caller in Caller]) for row in OVER_GATEWAY]
    finally:
        await asgi.gateway.shutdown()
        asgi.gateway.runtime = None


async def post(path: str, built: World, caller: Caller) -> int:
    """Return the status of a body of a type that is refused once the caller is known."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"2"), *cookie_or_key(built, caller)]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "client": (world.ADDRESS, 1)}
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await asgi.application(scope, receive, send)
    return int(sent[0]["status"])


def cookie_or_key(built: World, caller: Caller) -> list[tuple[bytes, bytes]]:
    secret = built.secrets.get(caller)
    return [(b"authorization", f"Bearer {secret}".encode())] if secret else []


def test_live_metrics_let_in_whom_the_table_says(two_teams: World):
    snapshot.refresh()

    answered = [
        (row, [(caller, handshake(row.path, two_teams.client(caller))) for caller in Caller]) for row in SOCKETS
    ]

    assert [wrong for row, statuses in answered for wrong in misfits(row, statuses)] == []


def handshake(path: str, client: Client) -> int:
    cookies = client.cookies.output(header="", attrs=[], sep=";").strip().encode()
    headers = [(b"host", b"localhost"), (b"origin", b"http://localhost"), (b"cookie", cookies)]
    if key := client.defaults.get("HTTP_AUTHORIZATION"):
        headers.append((b"authorization", str(key).encode()))
    scope = {"type": "websocket", "path": path, "query_string": b"", "headers": headers, "client": (world.ADDRESS, 1)}
    try:
        callers.authenticate(scope)
    except Refused as refused:
        return refused.status
    return 200
