"""What the pages for operators name exists: figures, alerts, schedules, features, and the commands in their blocks."""

import re
import shlex
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings
from django.core.management import get_commands

from accounts.domain.features import Feature
from accounts.domain.series import SERIES
from optimizer_project.cli import registry

ROOT = Path(settings.BASE_DIR)
PAGES = ("DEPLOYMENT.md", "OPERATIONS.md", "PRODUCTION-READINESS.md", "ROLLOUT-PLAN.md", "TROUBLESHOOTING.md")
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAMED_TASK = re.compile(r"`([a-z]+\.tasks\.[a-z_]+)`")
NAMED_FILE = re.compile(r"`((?:scripts|deploy|tests|docs)/[\w./-]+)`")
NAMED_VARIABLE = re.compile(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=[^`]*)?`")
LISTED = re.compile(r"^#?([A-Z][A-Z0-9_]+)=", re.MULTILINE)
# Of libpq and of the scripts themselves, not of the product.
FOREIGN_VARIABLES = {"BACKUP_DIR"}


def text_of(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def whole() -> str:
    return "\n".join(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))


def commands(page: str) -> list[list[str]]:
    """Return the commands of a page's blocks, each as its words, without comments."""
    lines = "\n".join(BLOCK.findall(text_of(page))).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [line for line in words if line]


def test_every_figure_is_described() -> None:
    assert set(SERIES) - set(re.findall(r"`([a-z_]+)(?:\{[^`]*\})?`", whole())) == set()


def test_figures_in_rules_and_dashboards_are_published() -> None:
    texts = [path.read_text() for path in (ROOT / "deploy").rglob("*") if path.suffix in (".yml", ".json")]
    used = set(re.findall(r"\b((?:gateway|learning|insights|feedback|provider|llm|db|api)_[a-z_]+)\b", "".join(texts)))
    endings = ("", "_bucket", "_sum", "_count")
    published = {name + ending for name in SERIES for ending in endings}
    words = {name for name in used if name.endswith(("_total", "_seconds", "_bucket", "_rate", "_utilization"))}

    assert "api_requests_total" in words
    assert words - published == set()


def test_every_scheduled_task_is_described_and_every_task_described_exists() -> None:
    current_app.loader.import_default_modules()
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    named = set(NAMED_TASK.findall(text_of("OPERATIONS.md")))

    assert scheduled - named == set()
    assert named - set(current_app.tasks) == set()


def test_every_feature_that_can_be_switched_off_is_described() -> None:
    assert {feature.value for feature in Feature} - set(re.findall(r"`([a-z_]+)`", whole())) == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_file_named_exists(page: str) -> None:
    # What is made by a first start is no file of the project.
    made = {"deploy/nginx/tls"}

    assert [name for name in NAMED_FILE.findall(text_of(page)) if name not in made and not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_variable_named_is_one_of_the_example(page: str) -> None:
    listed = set(LISTED.findall((ROOT / ".env.example").read_text()))

    assert set(NAMED_VARIABLE.findall(text_of(page))) - listed - FOREIGN_VARIABLES == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_command_in_a_block_can_be_called(page: str) -> None:
    scripts = {word for line in commands(page) for word in line if word.startswith("scripts/")}
    called = [line[2:4] for line in commands(page) if line[:2] == [".venv/bin/python", "manage.py"]]
    subcommands = {second for first, second in called if first == "optimizer"}

    assert [script for script in scripts if not (ROOT / script).stat().st_mode & 0o100] == []
    assert {first for first, _ in called} - set(get_commands()) == set()
    assert subcommands - {subcommand.NAME for subcommand in registry.SUBCOMMANDS} == set()


def test_the_search_for_commands_finds_them() -> None:
    assert ["scripts/startup.sh"] in commands("DEPLOYMENT.md")
    assert any("import_sqlite" in line for line in commands("DEPLOYMENT.md"))
