"""The settings are read once in a process, so what they refuse is tried in a process of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "only-for-tests-" * 5,
    "ALLOWED_HOSTS": "optimizer.example.com",
    "DATABASE_URL": "",
    "POSTGRES_HOST": "",
    "REDIS_URL": "",
    "DEBUG": "false",
    "OPTIMIZER_OPEN_API": "false",
    "EMBEDDED_PROVIDERS": "false",
}
# Imports most of what the settings import once, and reads them again for each case.
READ_FOR_EACH = """
import json, os, runpy, sys
inherited = dict(os.environ)
for variables in json.loads(sys.argv[1]):
    os.environ.clear()
    os.environ.update(inherited | variables)
    try:
        runpy.run_module("optimizer_project.settings")
        print("accepted")
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
"""
REFUSED: list[tuple[dict[str, str], str]] = [
    ({"DEBUG": "true"}, "DEBUG=true is refused when ENVIRONMENT=production"),
    ({"OPTIMIZER_OPEN_API": "true"}, "OPTIMIZER_OPEN_API=true opens the API to everyone"),
    ({"EMBEDDED_PROVIDERS": "true"}, "EMBEDDED_PROVIDERS=true is refused when ENVIRONMENT=production"),
    ({"SECRET_KEY": ""}, "SECRET_KEY must be set to at least 50 random characters"),
    ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS=* is refused when ENVIRONMENT=production"),
    ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL='LOUD' is not valid"),
    ({"GATEWAY_MAX_BODY_BYTES": "1"}, "GATEWAY_MAX_BODY_BYTES='1' is not valid"),
    ({"ENVIRONMENT": "prod"}, "ENVIRONMENT='prod' is not valid"),
    ({"ENVIRONMENT": "development", "OPTIMIZER_OPEN_API": "true"}, "is refused unless DEBUG=true"),
]


def run_python(script: str, *arguments: str, data_dir: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir), **PRODUCTION, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What reading the settings came to: first as production has them, then in each refused case."""
    cases = [{}, *(variables for variables, _ in REFUSED)]
    completed = run_python(READ_FOR_EACH, json.dumps(cases), data_dir=tmp_path_factory.mktemp("data"))
    assert completed.stderr == ""
    return completed.stdout.splitlines()


def test_complete_production_settings_are_accepted(outcomes: list[str]) -> None:
    assert outcomes[0] == "accepted"


@pytest.mark.parametrize("number", range(len(REFUSED)), ids=[message for _, message in REFUSED])
def test_unsafe_or_bad_value_is_refused_and_named(outcomes: list[str], number: int) -> None:
    assert outcomes[1 + number].startswith("ImproperlyConfigured: ")
    assert REFUSED[number][1] in outcomes[1 + number]


def test_bad_value_stops_the_start(tmp_path: Path) -> None:
    completed = run_python("import optimizer_project.settings", data_dir=tmp_path, LOG_LEVEL="LOUD")

    assert completed.returncode == 1
    assert "LOG_LEVEL='LOUD' is not valid" in completed.stderr.splitlines()[-1]
