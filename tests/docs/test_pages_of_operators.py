"""What the pages for operators name exists: figures, alerts, schedules, features, and the commands in their blocks."""

import re
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.conf import settings

from accounts.domain.features import Feature
from accounts.domain.series import SERIES

ROOT = Path(settings.BASE_DIR)
PAGES = ("DEPLOYMENT.md", "OPERATIONS.md", "PRODUCTION-READINESS.md", "ROLLOUT-PLAN.md", "TROUBLESHOOTING.md")
SCHEDULE_ROW = re.compile(r"^\| ([^|]+) \| ([^|]*`[a-z]+\.tasks\.[^|]*) \|$", re.MULTILINE)
NAMED_TASK = re.compile(r"`([a-z]+\.tasks\.[a-z_]+)`")
NAMED_FILE = re.compile(r"`((?:scripts|deploy|tests|docs)/[\w./-]+)`")
NAMED_VARIABLE = re.compile(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=[^`]*)?`")
LISTED = re.compile(r"^#?([A-Z][A-Z0-9_]+)=", re.MULTILINE)
# Of the scripts, the tests and other people's programs, not of the product.
FOREIGN_VARIABLES = {"BACKUP_DIR", "TEST_BACKEND", "OTEL_SERVICE_NAME", "HTTPS_PROXY"}


def text_of(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def whole() -> str:
    return "\n".join(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))


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


def in_words(schedule: Any) -> str:
    """Return when something comes, as the page says it."""
    if isinstance(schedule, float):
        number, unit = (int(schedule) // 60, "minute") if schedule >= 60 else (int(schedule), "second")
        return f"every {unit}" if number == 1 else f"every {number} {unit}s"
    if schedule._orig_hour == "*":
        return f"hourly, at minute {schedule._orig_minute}"
    day = {"*": "daily", "0": "Sunday", "sunday": "Sunday"}[str(schedule._orig_day_of_week)]
    return f"{day} {int(schedule._orig_hour):02}:{int(schedule._orig_minute):02}"


def test_the_schedule_has_exactly_what_is_scheduled_and_what_follows() -> None:
    chained = {step for chain in settings.JOB_CHAINS.values() for step in chain["steps"]}
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    described = {
        task for _, cell in SCHEDULE_ROW.findall(text_of("OPERATIONS.md")) for task in NAMED_TASK.findall(cell)
    }

    assert described == scheduled | chained


def test_every_task_named_exists() -> None:
    current_app.loader.import_default_modules()

    assert set(NAMED_TASK.findall(whole())) - set(current_app.tasks) == set()


@pytest.mark.parametrize("name", settings.CELERY_BEAT_SCHEDULE)
def test_an_entry_comes_when_the_page_says(name: str) -> None:
    entry = settings.CELERY_BEAT_SCHEDULE[name]
    rows = [when for when, cell in SCHEDULE_ROW.findall(text_of("OPERATIONS.md")) if f"`{entry['task']}`" in cell]

    assert [when for when in rows if re.match(rf"{in_words(entry['schedule'])}\b", when)] != []


@pytest.mark.parametrize("name", settings.JOB_CHAINS)
def test_what_follows_one_another_is_described_in_that_order(name: str) -> None:
    rows = [NAMED_TASK.findall(cell) for _, cell in SCHEDULE_ROW.findall(text_of("OPERATIONS.md"))]

    assert settings.JOB_CHAINS[name]["steps"] in rows


def test_every_feature_that_can_be_switched_off_is_described() -> None:
    rows = re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \| [^|]+ \|$", text_of("OPERATIONS.md"), re.MULTILINE)
    described = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}

    assert described == {feature.value for feature in Feature}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_named_exists(page: str) -> None:
    # What is made by a first start is no file of the project.
    made = {"deploy/nginx/tls"}

    assert [name for name in NAMED_FILE.findall(text_of(page)) if name not in made and not (ROOT / name).exists()] == []


def test_every_variable_named_is_one_of_the_example() -> None:
    listed = set(LISTED.findall((ROOT / ".env.example").read_text()))
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    named = {name for page in pages for name in NAMED_VARIABLE.findall(page.read_text())}

    assert "METRICS_RETENTION_DAYS" in named
    assert named - listed - FOREIGN_VARIABLES == set()


def test_every_counter_named_is_published() -> None:
    named = set(re.findall(r"`([a-z][a-z_]+_total)(?:\{[^`]*\})?`", whole()))

    assert "llm_cost_usd_total" in named
    assert named - set(SERIES) == set()
