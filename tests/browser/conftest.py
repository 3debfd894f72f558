"""Debian's chromium over the running server. A run of its own (`make test-browser`): Playwright keeps an event loop
running in its thread, which the tests of coroutines could not share.

Every page is watched: an error in its console, an exception in its scripts, a request to another host or an answer of
500 or more fails the test. A test that provokes one says so with ``page.expected``.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from accounts.models import ConfigVersion
from accounts.services import config_version
from tests.browser.watched_page import Findings, watch
from tests.fake_upstream.running import FakeUpstream
from tests.server import GatewayProcess, running_gateway

WAIT_MS = 10_000
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
# The rows are written between the steps of a page, where Playwright's loop is idle.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="session")
def server(
    django_db_setup: None, django_db_blocker: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """One server for all tests; a test that stops it runs one of its own."""
    with running_gateway(
        tmp_path_factory.mktemp("server"), environment={"LIVE_PERIOD_SECONDS": "1", "ADMIN_SQL_PAGE": "true"}
    ) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        raise RuntimeError("The browser tests need chromium: run scripts/install_test_services.sh.")
    with sync_playwright() as playwright:
        # Without its sandbox, which root in a container has no right to.
        chromium = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture
def site(transactional_db: None, server: GatewayProcess) -> str:
    """Return the address of the server, on an empty database that the test fills."""
    # A number not used before in this process: the server outlives the rows of the test before.
    ConfigVersion.objects.create(id=config_version.ROW_ID, version=time.monotonic_ns())
    return server.url


@pytest.fixture
def staff(transactional_db: None) -> User:
    return get_user_model().objects.create_superuser("casey", "casey@example.com", "not asked for in these tests")


@pytest.fixture
def open_context(browser: Browser, site: str) -> Iterator[Callable[..., BrowserContext]]:
    """Open browser contexts, each page of which is watched, on the site or another server; options as Playwright's."""
    opened: list[BrowserContext] = []
    findings = Findings()

    def open_one(user: User | None = None, server_url: str = site, **options: Any) -> BrowserContext:
        findings.hosts.add(urlsplit(server_url).netloc)
        context = browser.new_context(base_url=server_url, viewport=options.pop("viewport", DESKTOP), **options)
        context.set_default_timeout(WAIT_MS)
        if user is not None:
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": _session(user), "url": server_url}])
        context.on("page", lambda page: watch(page, findings))
        opened.append(context)
        return context

    open_one.findings = findings  # type: ignore[attr-defined]
    yield open_one
    for context in opened:
        context.close()
    assert findings.unexpected() == []


@pytest.fixture
def expected_findings(open_context: Any) -> list[str]:
    """Return a list for the parts of messages that a test provokes; all other findings still fail it."""
    expected: list[str] = open_context.findings.expected
    return expected


@pytest.fixture
def page(open_context: Callable[..., BrowserContext]) -> Page:
    """A page of a visitor who is not logged in."""
    return open_context().new_page()


@pytest.fixture
def staff_page(open_context: Callable[..., BrowserContext], staff: User) -> Page:
    """A page of a superuser who is logged in."""
    return open_context(staff).new_page()


@pytest.fixture
def assert_accessible() -> Callable[[Page], None]:
    """Fail on what axe-core calls serious or critical on the page as it is now."""
    axe = Axe()

    def check(page: Page) -> None:
        found = axe.run(page).response["violations"]
        serious = [rule for rule in found if rule["impact"] in ("serious", "critical")]
        assert [f"{rule['id']}: {[node['html'][:200] for node in rule['nodes']]}" for rule in serious] == []

    return check


@pytest.fixture
def screenshot(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Keep a picture of the page in the folder that SCREENSHOTS names; without it nothing is kept."""
    folder = os.environ.get("SCREENSHOTS")

    def take(page: Page, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=f"{folder}/{name}.png", full_page=True)

    return take


def _session(user: User) -> str:
    """Log a user in and return the key of the session."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    # The last one knows users; those before it only decide whether a login may be tried.
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    assert session.session_key is not None
    return session.session_key
