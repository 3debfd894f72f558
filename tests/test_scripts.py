import os
import shutil
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


def run_shell(name: str, *arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [folder / name, *arguments],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the scripts of a deployment and nothing else."""
    for folder in ("scripts", "deploy/postgres"):
        shutil.copytree(SCRIPTS.parent / folder, tmp_path / folder)
    return tmp_path


def test_startup_refuses_to_begin_without_what_it_needs(project: Path) -> None:
    without = run_shell("scripts/startup.sh", folder=project, COMPOSE="echo")
    (project / ".env").write_text("SECRET_KEY=short\nALLOWED_HOSTS=a.example\nPOSTGRES_PASSWORD=p\nREDIS_PASSWORD=\n")
    missing = run_shell("scripts/startup.sh", folder=project, COMPOSE="echo")
    short = run_shell("scripts/startup.sh", folder=project, COMPOSE="echo", REDIS_PASSWORD="r")

    assert (without.returncode, without.stdout) == (1, "")
    assert "cp .env.example .env" in without.stderr
    assert missing.stderr == "REDIS_PASSWORD is not set. Set it in .env.\n"
    assert "SECRET_KEY is too short" in short.stderr


def test_startup_migrates_first_and_then_replaces_one_replica_after_the_other(project: Path) -> None:
    needed = ("ALLOWED_HOSTS=a.example,localhost", "POSTGRES_PASSWORD=p", "REDIS_PASSWORD=r")
    (project / ".env").write_text("\n".join((f"SECRET_KEY={'s' * 50}", *needed)))

    ended = run_shell("scripts/startup.sh", folder=project, COMPOSE="echo")
    said = ended.stdout.splitlines()

    assert (ended.returncode, ended.stderr) == (0, "")
    order = [
        "build",
        "up --detach --wait postgres redis",
        "run --rm migrate",
        "up --detach --no-deps --wait web-a",
        "exec --no-TTY nginx nginx -s reload",
        "up --detach --no-deps --wait web-b",
    ]
    assert [line for line in said if line in order][:6] == order
    certificate = subprocess.run(
        ["openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", project / "deploy/nginx/tls/server.crt"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "DNS:a.example, DNS:localhost" in certificate.stdout


def test_shutdown_stops_the_way_in_first_and_the_stores_last(project: Path) -> None:
    ended = run_shell("scripts/shutdown.sh", folder=project, COMPOSE="echo")

    stopped = ended.stdout.replace("stop ", "").splitlines()
    assert stopped == ["nginx", "web-a web-b", "beat", "worker", "backup", "redis", "postgres"]


def test_a_certificate_is_made_once_and_is_of_its_own_authority(project: Path) -> None:
    folder = project / "tls"
    made = run_shell("deploy/postgres/make_certificate.sh", str(folder), "localhost", "127.0.0.1", folder=project)
    first = (folder / "server.crt").read_bytes()
    again = run_shell("deploy/postgres/make_certificate.sh", str(folder), "localhost", folder=project)

    verified = subprocess.run(
        ["openssl", "verify", "-CAfile", folder / "ca.crt", "-verify_ip", "127.0.0.1", folder / "server.crt"],
        capture_output=True,
        check=False,
    )
    assert (made.returncode, again.returncode, again.stdout) == (0, 0, "")
    assert (folder / "server.crt").read_bytes() == first
    assert verified.returncode == 0
    assert (folder / "server.key").stat().st_mode & 0o077 == 0


def test_the_configuration_is_packed_for_its_owner_alone(project: Path) -> None:
    (project / ".env").write_text("SECRET_KEY=x")
    target = project / "out" / "configuration.tar.gz"

    ended = run_shell("scripts/backup_config.sh", str(target), folder=project)
    listed = subprocess.run(["tar", "-tzf", target], capture_output=True, text=True, check=True).stdout.split()

    assert ended.returncode == 0
    assert {".env", "deploy/postgres/start.sh"} <= set(listed)
    assert target.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("at", ["3", "24:00", "03:60", "noon"])
def test_a_time_of_backup_that_is_none_is_refused(project: Path, at: str) -> None:
    ended = run_shell("scripts/backup_daily.sh", folder=project, BACKUP_AT=at)

    assert ended.returncode == 2
    assert f"BACKUP_AT={at} is no time of day" in ended.stderr


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
