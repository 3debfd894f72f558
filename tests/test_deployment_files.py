import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from accounts.domain.series import SERIES

ROOT = Path(settings.BASE_DIR)
KUBERNETES = ROOT / "deploy" / "kubernetes"
LOCKS = ("requirements.txt", "requirements-embedded.txt", "requirements-dev.txt", "requirements-deploy.txt")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return dict(loaded["services"])


def manifest(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((KUBERNETES / name).read_text()))


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


def test_image_holds_every_app_that_is_installed() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    apps = {app for app in settings.INSTALLED_APPS if (ROOT / app).is_dir()}
    assert {"routing", "optimizer_project"} <= apps
    assert apps - {line[1:] for line in ignored if line.startswith("!")} == set()


def test_image_is_pinned_not_root_and_checked() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"python:3.11.14-slim-bookworm"}
    assert re.findall(r"^USER (\S+)", dockerfile, re.MULTILINE) == ["10001"]
    assert "\nHEALTHCHECK " in dockerfile


def test_every_image_is_named_by_its_exact_release(services: dict[str, Any]) -> None:
    images = {service["image"] for service in services.values()} - {"ai-cost-optimizer:${VERSION:-latest}"}
    assert [image for image in images if not re.fullmatch(r"[\w/-]+:\d+\.\d+(\.\d+)?-bookworm", image)] == []
    assert len(images) == 3


def test_compose_runs_every_part_and_sets_up_first(services: dict[str, Any]) -> None:
    parts = {"nginx", "migrate", "web-a", "web-b", "worker", "beat", "postgres", "redis", "backup"}
    assert set(services) == parts
    ours = ("web-a", "web-b", "worker", "beat")
    after_setup = {name: services[name]["depends_on"]["migrate"]["condition"] for name in ours}
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


def test_only_nginx_is_reachable(services: dict[str, Any]) -> None:
    assert {name for name, service in services.items() if "ports" in service} == {"nginx"}


def test_the_database_is_reached_over_tls_by_everyone(services: dict[str, Any]) -> None:
    modes = {
        name: service["environment"].get("POSTGRES_SSLMODE") or service["environment"].get("PGSSLMODE")
        for name, service in services.items()
        if {"POSTGRES_HOST", "PGHOST"} & set(service.get("environment", {}))
    }
    everyone = ("migrate", "web-a", "web-b", "worker", "beat", "backup")
    assert modes == dict.fromkeys(everyone, "verify-full")
    rules = re.findall(r"^(\w+)\s+\w+", (ROOT / "deploy/postgres/pg_hba.conf").read_text(), re.MULTILINE)
    assert rules == ["local", "hostssl"]


def test_web_processes_are_started_alike_everywhere(services: dict[str, Any]) -> None:
    in_image = re.search(r"^CMD (\[.*?\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE | re.DOTALL)
    assert in_image is not None
    command = json.loads(in_image[1].replace("\\\n", ""))
    behind_proxy = ["--proxy-headers", "--forwarded-allow-ips", "*"]
    place = command.index("--no-proxy-headers")
    expected = [*command[:place], *behind_proxy, *command[place + 1 :]]
    web = manifest("web.yaml")[0]["spec"]["template"]["spec"]["containers"][0]
    assert services["web-a"]["command"] == services["web-b"]["command"] == web["command"] == expected


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_background_processes_are_started_alike_everywhere(services: dict[str, Any], name: str) -> None:
    container = manifest(f"{name}.yaml")[0]["spec"]["template"]["spec"]["containers"][0]
    assert container["command"] == services[name]["command"]


def test_there_is_more_time_to_stop_than_stopping_takes(services: dict[str, Any]) -> None:
    # Uvicorn waits for its graceful time, then the gateway for its drain: 30 s and 25 s by default.
    needed = 30 + settings.GATEWAY_DRAIN_SECONDS
    assert int(services["web-a"]["stop_grace_period"].removesuffix("s")) >= needed
    pod = manifest("web.yaml")[0]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] >= 8 + needed


def test_every_pod_is_restricted() -> None:
    pods = [
        document["spec"]["template"]["spec"]
        for path in KUBERNETES.glob("*.yaml")
        for document in manifest(path.name)
        if document["kind"] in ("Deployment", "Job")
    ]
    assert len(pods) == 4
    for pod in pods:
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["automountServiceAccountToken"] is False
        assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_autoscaler_asks_for_a_figure_that_is_published() -> None:
    metrics = manifest("autoscaling.yaml")[0]["spec"]["metrics"]
    names = [metric["pods"]["metric"]["name"] for metric in metrics if metric["type"] == "Pods"]
    assert names == ["gateway_requests_in_flight"]
    assert set(names) <= {series.name for series in SERIES.values()}


def test_kustomization_names_every_manifest_but_secrets_and_the_job() -> None:
    listed = manifest("kustomization.yaml")[0]["resources"]
    there = {path.name for path in KUBERNETES.glob("*.yaml")}
    assert there - set(listed) == {"kustomization.yaml", "secret.example.yaml", "migrate-job.yaml"}


def test_nginx_lets_through_what_the_application_takes() -> None:
    configuration = (ROOT / "deploy/nginx/nginx.conf").read_text()
    megabytes = int(re.search(r"client_max_body_size (\d+)m", configuration)[1])  # type: ignore[index]
    assert megabytes * 1024 * 1024 > settings.GATEWAY_MAX_BODY_BYTES
    assert "proxy_buffering off" in configuration
