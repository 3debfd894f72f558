import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from django.conf import settings

SCRIPTS = Path(settings.BASE_DIR) / "scripts"


def run(name: str, *arguments: str, variables: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPTS / name), *arguments],
        env={**os.environ, **(variables or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_model_that_cannot_be_fetched_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    nowhere = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
    ended = run("fetch_model.py", str(tmp_path / "models" / "model.gguf"), variables=nowhere)
    assert ended.returncode == 1
    assert "The small model was not fetched" in ended.stderr
    assert "the simulated provider answers alone" in ended.stderr
    assert list((tmp_path / "models").iterdir()) == []


def test_fetching_without_a_target_explains_the_usage() -> None:
    ended = run("fetch_model.py")
    assert ended.returncode == 2
    assert "TARGET.gguf" in ended.stderr


def test_services_that_are_there_are_not_installed_again() -> None:
    ended = subprocess.run(
        [SCRIPTS / "install_test_services.sh"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_services_are_not_looked_for_where_there_is_no_package_manager(tmp_path: Path) -> None:
    ended = subprocess.run(
        ["/bin/bash", SCRIPTS / "install_test_services.sh"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "redis-server" in ended.stderr


def test_interpreter_that_is_too_old_is_refused_with_the_cure(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\ntest \"$1\" = --version && echo 'Python 3.9.2' && exit 0\nexit 1\n")
    old.chmod(0o755)
    ended = subprocess.run(
        [SCRIPTS / "create_venv.sh", str(tmp_path / "venv")],
        env={**os.environ, "PYTHON": str(old)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "Python 3.9.2, but Python 3.11 or later is needed" in ended.stderr
    assert not (tmp_path / "venv").exists()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_alive = (self.path, self.headers["Host"]) == ("/health/liveliness", "optimizer.example.com")
        self.send_response(200 if is_alive else 400)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def container_port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize(("hosts", "code"), [("optimizer.example.com,other", 0), ("other", 1)])
def test_health_check_asks_under_the_first_allowed_host(container_port: int, hosts: str, code: int) -> None:
    ended = run("healthcheck.py", variables={"ALLOWED_HOSTS": hosts, "HEALTHCHECK_PORT": str(container_port)})
    assert ended.returncode == code


def test_health_check_fails_where_nothing_answers() -> None:
    ended = run("healthcheck.py", variables={"HEALTHCHECK_PORT": "9"})
    assert ended.returncode == 1
    assert "no answer" in ended.stderr
