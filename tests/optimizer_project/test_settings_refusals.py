"""The settings are read once in a process, so each combination is tried in a process of its own."""

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


def import_settings(data_dir: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "import optimizer_project.settings"],
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir), **PRODUCTION, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_complete_production_settings_are_accepted(tmp_path: Path) -> None:
    completed = import_settings(tmp_path, {})
    assert (completed.returncode, completed.stderr) == (0, "")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"DEBUG": "true"}, "DEBUG=true is refused when ENVIRONMENT=production"),
        ({"OPTIMIZER_OPEN_API": "true"}, "OPTIMIZER_OPEN_API=true opens the API to everyone"),
        ({"EMBEDDED_PROVIDERS": "true"}, "EMBEDDED_PROVIDERS=true is refused when ENVIRONMENT=production"),
        ({"SECRET_KEY": ""}, "SECRET_KEY must be set to at least 50 random characters"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS=* is refused when ENVIRONMENT=production"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL='LOUD' is not valid"),
        ({"GATEWAY_MAX_BODY_BYTES": "1"}, "GATEWAY_MAX_BODY_BYTES='1' is not valid"),
        ({"ENVIRONMENT": "prod"}, "ENVIRONMENT='prod' is not valid"),
        ({"ENVIRONMENT": "development", "OPTIMIZER_OPEN_API": "true"}, "is refused unless DEBUG=true"),
    ],
)
def test_unsafe_or_bad_value_stops_the_start_and_is_named(
    tmp_path: Path, variables: dict[str, str], message: str
) -> None:
    completed = import_settings(tmp_path, variables)
    assert completed.returncode == 1
    assert message in completed.stderr.splitlines()[-1]
