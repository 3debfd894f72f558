"""After everything was used once: no key, password, prompt or answer is where it does not belong."""

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Team
from accounts.services import api_keys
from monitoring.models import AlertChannel
from monitoring.services import alert_defaults, alerts, channels, exposition, roles
from monitoring.services.live import producer
from monitoring.services.live.scopes import scope_of
from optimizer_project import asgi, log_config
from routing.models import LedgerEntry
from routing.services import providers
from tests import factories
from tests.access import routes
from tests.access.table import rows
from tests.access.world import SHARED_NAMES, content_of
from tests.fake_upstream.running import FakeUpstream
from tests.monitoring.alerts.receivers import Received, http_receiver

PROVIDER_KEY = "sk-canary-of-a-provider-91c2"
HOOK_TOKEN = "canary-of-a-hook-55d0"
PROMPT, ANSWER, PASSWORD = "canary-prompt-7f3a", "canary-answer-18be", "canary-password-0c4d"
WRONG_KEY = "aco_canary00_" + "w" * 40
MODELS = ("ok", "500", "malformed_json", "wrong_type", "no such model")
STREAMS = ("ok", "cut_mid", "error_event_mid")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, as production writes it."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    structured = log_config.logging_config("DEBUG", as_json=True)["formatters"]["structured"]
    handler.setFormatter(structured.pop("()")(**structured))
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


def test_no_secret_is_found_anywhere_after_everything_was_used(transactional_db: None, log: io.StringIO) -> None:
    roles.keep()
    # Keeps its prompts and answers as long as a team may.
    team = factories.team("our-team", cache_ttl_seconds=600, prompt_retention_days=30)
    _, secret = factories.api_key(team, scopes=["admin"])
    revoked, revoked_secret = factories.api_key(team)
    api_keys.revoke(revoked, timezone.now())
    root = User.objects.create_superuser("root", password=PASSWORD)

    with FakeUpstream(completion_text=ANSWER) as upstream, http_receiver() as receiver:
        catalog(upstream)
        completed = asyncio.run(complete_all(secret))
        answers = [
            *ask_all(key_client(secret)),
            *ask_all(staff_client(), team="our-team"),
            *fail_and_be_refused(secret, revoked_secret),
        ]
        answers += open_lists(root)
        told = alert(receiver)

    hidden = {PROVIDER_KEY, HOOK_TOKEN, PASSWORD, WRONG_KEY, secret, revoked_secret, settings.SECRET_KEY}
    said = {PROMPT, ANSWER}
    places = {
        "the log": (log.getvalue(), hidden | said),
        "the database": (dump(), hidden | said),
        "files": (files(), hidden | said),
        "figures": (exposition.text().decode(), hidden | said),
        "live frames": (frames(team), hidden | said),
        "alerts": (told, hidden | said),
        "answers of the gateway": (completed, hidden | {PROMPT}),
        "answers of Django": ("".join(answers), hidden | said),
    }
    assert {place: found for place, (text, words) in places.items() if (found := [w for w in words if w in text])} == {}
    # It was there to be found.
    assert ANSWER in completed
    assert "RuntimeError" in log.getvalue()
    assert str(LedgerEntry.objects.first().request_id) in dump()  # type: ignore[union-attr]
    assert "[critical]" in told


def catalog(upstream: FakeUpstream) -> None:
    provider = factories.provider("fake", base_url=upstream.base_url, needs_key=True)
    providers.save_provider_key(provider, PROVIDER_KEY)
    for fault in {*MODELS[:-1], *STREAMS}:
        factories.price(factories.language_model(provider, fault))


async def complete_all(secret: str) -> str:
    """Ask for everything that can go well or wrong; return all that was answered."""
    await asgi.gateway.startup()
    try:
        answers = [await complete(secret, model) for model in MODELS]
        answers += [await complete(secret, model, is_stream=True) for model in STREAMS]
        # From the cache, and again under a key.
        answers += [await complete(secret, "ok"), *[await complete(secret, "ok", idempotency_key="k") for _ in "ab"]]
        answers += [
            await complete(WRONG_KEY, "ok"),
            await complete(secret, "ok", body=b'{"model": "' + PROMPT.encode()),
        ]
    finally:
        await asgi.gateway.shutdown()
        asgi.gateway.runtime = None
    return "".join(answers)


async def complete(
    secret: str, model: str, *, is_stream: bool = False, idempotency_key: str = "", body: bytes = b""
) -> str:
    messages = [{"role": "user", "content": PROMPT}]
    sent_body = body or json.dumps({"model": model, "messages": messages, "stream": is_stream}).encode()
    headers = [(b"authorization", f"Bearer {secret}".encode()), (b"content-length", str(len(sent_body)).encode())]
    headers += [(b"idempotency-key", idempotency_key.encode())] * bool(idempotency_key)
    scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": headers}
    sent: list[MutableMapping[str, Any]] = []
    waiting = [{"type": "http.request", "body": sent_body, "more_body": False}]

    async def receive() -> MutableMapping[str, Any]:
        if waiting:
            return waiting.pop()
        await asyncio.Event().wait()
        raise AssertionError("nobody hangs up here")

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await asgi.application(scope, receive, send)
    return str(sent[0]) + b"".join(message.get("body", b"") for message in sent).decode()


def key_client(secret: str) -> Client:
    return Client(headers=factories.bearer(secret), raise_request_exception=False)


def staff_client() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(factories.staff("operator", role="operator"))
    return client


def ask_all(client: Client, **query: str) -> Iterator[str]:
    """Read everything that a team or its staff can read: reports, exports, pages, explanations."""
    known = LedgerEntry.objects.filter(served_model="ok").first()
    assert known is not None
    ids = {**SHARED_NAMES, "request_id": known.request_id}
    plain = [row.path for row in rows() if row.method == "GET" and row.parameters <= set(ids)]
    yield from (text_of(client.get(path.format(**ids), query)) for path in plain)


def fail_and_be_refused(secret: str, revoked_secret: str) -> Iterator[str]:
    client = key_client(secret)
    with failing():
        yield text_of(client.get("/stats"))
    for wrong in (WRONG_KEY, revoked_secret):
        yield text_of(key_client(wrong).get("/stats"))
    yield text_of(client.get("/recommendation", {"prompt": PROMPT}))
    yield text_of(client.post("/feedback", {"token": WRONG_KEY}, content_type="application/json"))
    login = {"username": "root", "password": PASSWORD, "code": "123456"}
    yield text_of(Client().post("/admin/login/", {**login, "username": "nobody"}))
    yield text_of(Client().post("/admin/login/", login))


def open_lists(root: User) -> Iterator[str]:
    client = Client(raise_request_exception=False)
    client.force_login(root)
    lists = [page for page in routes.admin_pages() if page.count("/") == 4 and "{" not in page]
    yield from (text_of(client.get(page)) for page in lists)


def text_of(answer: Any) -> str:
    return f"{dict(answer.headers)} {content_of(answer).decode()}"


@contextmanager
def failing() -> Iterator[None]:
    """Fail as no view expects it, with the key in the caller's hands."""

    def execute(run: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        return fail() if "routing_" in sql else run(sql, *arguments)

    with connection.execute_wrapper(execute):
        yield


def fail() -> NoReturn:
    raise RuntimeError("nobody expected this")


def alert(receiver: Received) -> str:
    """Tell a webhook that does not take it of something, then one that does; return what it was sent."""
    alert_defaults.ensure()
    channel = AlertChannel.objects.get(name="webhook")
    AlertChannel.objects.filter(name="webhook").update(severities=["critical"])
    channels.set_address(channel, receiver.url.replace("http://", f"json://user:{HOOK_TOKEN}@") + "/hook")
    receiver.status = 500
    alerts.raise_event("disk-full", "The disk is full.", severity="critical", key="disk:1", now=timezone.now())
    alerts.evaluate(now=timezone.now())
    receiver.status = 200
    alerts.raise_event("disk-full", "The disk is full.", severity="critical", key="disk:2", now=timezone.now())
    alerts.evaluate(now=timezone.now())
    return str(receiver.requests)


def frames(team: Team) -> str:
    ticks = [producer.make(scope, now=timezone.now()) for scope in (scope_of(None), scope_of(team.id))]
    return "".join(tick.body + str(tick.notices) for tick in ticks)


def dump() -> str:
    """Return every value of every table, as it is stored."""
    values = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            values += [bytes(value) if isinstance(value, memoryview) else value for row in cursor for value in row]
    return "\n".join(map(str, values))


def files() -> str:
    """Return the files that the process has written, as settlements that wait are."""
    written = [path for path in Path(settings.DATA_DIR).rglob("*") if path.is_file() and path.suffix != ".sqlite3"]
    return "".join(path.read_bytes().decode("latin-1") for path in written)
