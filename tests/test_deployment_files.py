import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
LOCKS = ("requirements.txt", "requirements-embedded.txt", "requirements-dev.txt")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return dict(loaded["services"])


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", LOCKS)
def test_every_pinned_package_has_a_hash(name: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text())
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("name", LOCKS)
def test_locks_name_no_index_and_no_local_path(name: str) -> None:
    assert re.findall(r"^-.*|file://|https?://|/tmp|/home", (ROOT / name).read_text(), re.MULTILINE) == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-embedded.txt"])
def test_development_lock_has_the_same_releases(name: str) -> None:
    assert pins(name).items() - pins("requirements-dev.txt").items() == set()


def test_image_holds_neither_embedded_nor_development_packages() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert set(re.findall(r"requirements[\w-]*\.txt", dockerfile)) == {"requirements.txt"}
    assert "*" in ignored
    assert [line for line in ignored if line.startswith("!requirements")] == ["!requirements.txt"]


def test_image_is_pinned_not_root_and_checked() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"python:3.11.14-slim-bookworm"}
    assert re.findall(r"^USER (\S+)", dockerfile, re.MULTILINE) == ["10001"]
    assert "\nHEALTHCHECK " in dockerfile


def test_compose_runs_every_part_and_sets_up_first(services: dict[str, Any]) -> None:
    assert set(services) == {"migrate", "web", "worker", "beat", "postgres", "redis"}
    after_setup = {name: services[name]["depends_on"]["migrate"]["condition"] for name in ("web", "worker", "beat")}
    assert set(after_setup.values()) == {"service_completed_successfully"}


def test_compose_has_no_secret_of_its_own(services: dict[str, Any]) -> None:
    values = [
        value
        for service in services.values()
        for name, value in service.get("environment", {}).items()
        if re.search("PASSWORD|SECRET|AUTH", name)
    ]
    assert values
    assert [value for value in values if not value.startswith("${")] == []


def test_only_the_web_service_is_reachable_and_only_from_this_machine(services: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {"web": ["127.0.0.1:8000:8000"]}
