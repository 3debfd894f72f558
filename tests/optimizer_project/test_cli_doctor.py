import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from django.core.management.base import CommandError
from pytest_django.fixtures import Settings

from optimizer_project.cli import checks
from routing.services import catalog
from tests.services import free_port

pytestmark = pytest.mark.django_db
Run = Callable[..., str]


def test_working_installation_passes(optimizer: Run) -> None:
    catalog.sync_catalog(now=datetime(2026, 1, 1, tzinfo=UTC))
    findings = json.loads(optimizer("doctor", "--port", str(free_port()), "--json"))
    assert [finding["name"] for finding in findings] == [
        "database",
        "redis",
        "providers",
        "embedded model",
        "disk",
        "port",
    ]
    assert {finding["state"] for finding in findings} <= {"ok", "warning"}


def test_failed_check_ends_with_an_error_and_names_the_cure(
    optimizer: Run, capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    catalog.sync_catalog(now=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(CommandError, match=r"Checks failed: redis\."):
        optimizer("doctor", "--port", str(free_port()))


def test_redis_that_is_down_is_told_with_the_cure(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    finding = checks.check_redis()
    assert (finding.state, finding.cure) == ("failed", "Start the Redis server, or correct REDIS_URL.")


def test_redis_that_answers_is_told(settings: Settings, redis_server: str) -> None:
    settings.REDIS_URL = redis_server
    assert checks.check_redis() == checks.Finding("redis", "ok", "answers")


def test_installation_without_any_model_fails() -> None:
    finding = checks.check_providers()
    assert finding.state == "failed"
    assert "OPENAI_API_KEY" in finding.cure


def test_missing_model_file_is_a_warning(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings.EMBEDDED_PROVIDERS = True
    settings.EMBEDDED_MODEL_URL = ""
    monkeypatch.setattr("optimizer_project.cli.processes.DEFAULT_MODEL_FILE", tmp_path / "none.gguf")
    finding = checks.check_embedded_model()
    assert (finding.state, finding.cure) == ("warning", "Run: make setup")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_ours = (self.path, self.headers["Host"]) == ("/health/liveliness", "optimizer.example.com")
        self.send_response(200 if is_ours else 400)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.mark.parametrize(
    ("allowed_hosts", "state"), [([".optimizer.example.com"], "ok"), (["*"], "failed"), (["other"], "failed")]
)
def test_own_server_is_asked_under_a_name_it_answers_to(
    settings: Settings, allowed_hosts: list[str], state: str
) -> None:
    settings.ALLOWED_HOSTS = allowed_hosts
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        finding = checks.check_port(server.server_port)
        server.shutdown()
    assert finding.state == state


def test_port_of_another_program_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        # It accepts nothing, so the check's own exchange ends by its deadline.
        finding = checks.check_port(other.getsockname()[1])
    assert (finding.state, finding.cure) == ("failed", "End that program, or use --port with another.")
