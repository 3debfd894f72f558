"""What every answer tells browsers, whoever gives it, and which cookies production sets."""

import json
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from optimizer_project import asgi
from tests import factories
from tests.optimizer_project.test_settings_refusals import run_python

NAMES = ("X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy")
COOKIES = """
import django, json, os
os.environ["DJANGO_SETTINGS_MODULE"] = "optimizer_project.settings"
django.setup()
from django.core.management import call_command
from django.test import Client
from django.conf import settings as s
call_command("check", deploy=True, fail_level="WARNING", verbosity=0)
page = Client(headers={"host": "optimizer.example.com"}).get("/admin/login/", secure=True)
plain = Client(headers={"host": "optimizer.example.com"}).get("/stats")
forged = Client(headers={"host": "optimizer.example.com", "x-forwarded-proto": "https"}).get("/stats")
from routing.gateway import http
print(json.dumps({
    "session": [s.SESSION_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY, s.SESSION_COOKIE_SAMESITE,
                s.SESSION_COOKIE_DOMAIN, s.SESSION_COOKIE_PATH, s.SESSION_COOKIE_AGE],
    "cookies": page.cookies.output(header="").strip().split("; ")[2:] + list(page.cookies),
    "hsts": [page.headers["Strict-Transport-Security"], dict(http.FOR_BROWSERS)[b"strict-transport-security"].decode()],
    "plain": [plain.status_code, plain.headers["Location"], forged.status_code],
}))
"""


def protection(answer: Any) -> dict[str, Any]:
    return {name: answer.headers.get(name) for name in NAMES}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/", "/docs", "/stats", "/v1/models", "/admin/", "/dashboard/", "/nothing", "/health/live"]
)
def test_every_kind_of_answer_tells_browsers_what_they_may_not_do(path: str) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))

    answer = client.get(path)

    assert protection(answer) == dict(zip(NAMES, ["nosniff", "DENY", "same-origin", "same-origin"], strict=True))
    assert "no-store" in answer.headers["Cache-Control"]
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "object-src 'none'" in policy or "default-src 'none'" in policy
    assert "base-uri" in policy


def test_files_of_the_pages_may_be_kept() -> None:
    answer = Client().get("/static/dashboard/icon.svg")

    assert (answer.status_code, answer.headers["X-Content-Type-Options"]) == (200, "nosniff")
    assert "no-store" not in answer.headers.get("Cache-Control", "")


async def test_the_gateway_tells_browsers_the_same() -> None:
    scope = {"type": "http", "method": "POST", "path": "/complete", "headers": []}
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await asgi.application(scope, receive, send)

    headers = dict(sent[0]["headers"])
    assert (headers[b"x-content-type-options"], headers[b"cache-control"]) == (b"nosniff", b"no-store")


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["TRACE", "PUT", "DELETE", "PATCH", "PROPFIND"])
def test_a_method_that_changes_nothing_here_is_refused(method: str) -> None:
    _, secret = factories.api_key()
    client = Client(headers=factories.bearer(secret))

    assert client.generic(method, "/stats").status_code == 405


@pytest.mark.django_db
def test_an_overriding_header_makes_no_other_method_host_or_user() -> None:
    _, secret = factories.api_key(factories.team("ours"))
    tricks = {"x-http-method-override": "DELETE", "x-forwarded-host": "evil.example.com", "x-original-url": "/admin/"}
    tricks |= {"x-rewrite-url": "/admin/", "remote-user": "root", "x-forwarded-user": "root", "x-real-ip": "127.0.0.1"}

    answer = Client(headers=factories.bearer(secret) | tricks).get("/stats")
    landing = Client(headers=tricks).get("/")

    assert answer.status_code == 200
    assert b"evil.example.com" not in landing.content
    assert Client(headers=tricks).get("/admin/").status_code == 302
    assert Client(headers=tricks, REMOTE_ADDR="203.0.113.9").get("/metrics").status_code == 403


def test_production_gives_browsers_cookies_of_this_host_over_https_alone(tmp_path: Path) -> None:
    ran = run_python(COOKIES, data_dir=tmp_path)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.splitlines()[-1])

    # A day, in seconds.
    assert found["session"] == ["__Host-sessionid", True, True, "Lax", None, "/", 86_400]
    assert found["cookies"][-1] == "__Host-csrftoken"
    assert {"Secure", "SameSite=Lax", "Path=/"} <= set(found["cookies"])
    assert found["hsts"] == ["max-age=31536000; includeSubDomains; preload"] * 2
    # Nobody is believed to have come by HTTPS because of a header, unless TRUST_PROXY_HEADERS says so.
    assert found["plain"] == [301, "https://optimizer.example.com/stats", 301]
