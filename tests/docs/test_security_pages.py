"""What the pages on security claim is shown by tests that exist, and their table of routes is the tested one."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from tests.access import page

ROOT = Path(settings.BASE_DIR)
PAGES = ("SECURITY.md", "SECURITY-CHECKLIST.md")
NAMED_TEST = re.compile(r"`(tests/[\w/.]+\.py)::(test_\w+)`")
NAMED_FILE = re.compile(r"`((?:deploy|templates)/[\w./-]+)`")
LINE = re.compile(r"^\| ([\d., ]+|all of V\d+) \| (yes|part|no|n\.a\.) \| ([^|]+) \| ([^|]*) \|$", re.MULTILINE)
# The requirements of levels 1 and 2 of ASVS 5.0.0, without the chapters V10 (OAuth) and V17 (WebRTC).
ASVS = """
1.1.1-2 1.2.1-9 1.3.1-11 1.4.1-3 1.5.1-2 2.1.1-3 2.2.1-3 2.3.1-4 2.4.1 3.2.1-2 3.3.1-4 3.4.1-6 3.5.1-5
3.7.1-2 4.1.1-3 4.2.1 4.3.1-2 4.4.1-4 5.1.1 5.2.1-3 5.3.1-2 5.4.1-3 6.1.1-3 6.2.1-12 6.3.1-4 6.4.1-4
6.5.1-5 6.6.1-3 6.8.1-4 7.1.1-3 7.2.1-4 7.3.1-2 7.4.1-5 7.5.1-2 7.6.1-2 8.1.1-2 8.2.1-3 8.3.1 8.4.1
9.1.1-3 9.2.1-4 11.1.1-2 11.2.1-3 11.3.1-3 11.4.1-4 11.5.1 11.6.1 12.1.1-3 12.2.1-2 12.3.1-4 13.1.1
13.2.1-5 13.3.1-2 13.4.1-5 14.1.1-2 14.2.1-4 14.3.1-3 15.1.1-3 15.2.1-3 15.3.1-7 16.1.1 16.2.1-5 16.3.1-4
16.4.1-3 16.5.1-3
"""


def text_of(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def requirements() -> list[str]:
    numbers = []
    for span in ASVS.split():
        section, _, last = span.rpartition(".")
        first, _, end = last.partition("-")
        numbers += [f"{section}.{number}" for number in range(int(first), int(end or first) + 1)]
    return numbers


def lines() -> list[tuple[str, str, str, str]]:
    return LINE.findall(text_of("SECURITY-CHECKLIST.md"))


def is_missing(path: str, name: str) -> bool:
    file = ROOT / path
    return not file.exists() or re.search(rf"^(?:async )?def {name}\(", file.read_text(), re.MULTILINE) is None


def test_the_page_of_routes_is_made_from_the_table_that_is_tested() -> None:
    assert text_of("ACCESS.md") == page.text(), "run: make routes ARGS=--write"


@pytest.mark.parametrize("name", PAGES)
def test_every_test_and_file_named_exists(name: str) -> None:
    named = set(NAMED_TEST.findall(text_of(name)))

    assert len(named) > 20
    assert {f"{path}::{test}" for path, test in named if is_missing(path, test)} == set()
    assert {path for path in NAMED_FILE.findall(text_of(name)) if not (ROOT / path).exists()} == set()


def test_the_checklist_has_every_requirement_once() -> None:
    listed = [number for numbers, *_ in lines() for number in numbers.split(", ")]

    assert sorted(listed) == sorted([*requirements(), "all of V10", "all of V17"])


def test_whatever_is_fulfilled_names_what_shows_it_and_whatever_is_not_says_why() -> None:
    unproven = [numbers for numbers, status, _, shown in lines() if status in ("yes", "part") and not shown.strip()]

    assert unproven == []
    assert {numbers for numbers, _, how, _ in lines() if len(how.split()) < 2} == set()


def test_the_page_on_security_lists_all_that_is_not_fulfilled() -> None:
    lacking = [numbers for numbers, status, _, _ in lines() if status in ("part", "no")]

    assert [numbers for numbers in lacking if f"- {numbers} (" not in text_of("SECURITY.md")] == []
