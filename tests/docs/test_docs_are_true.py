"""The documents name what exists, and leave out nothing: variables, paths, make targets, commands, files."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.conf import settings
from drf_spectacular.generators import SchemaGenerator

from accounts.domain.series import SERIES
from optimizer_project.cli import registry
from routing.gateway import app as gateway_app

ROOT = Path(settings.BASE_DIR)
DOCUMENTS = sorted(path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

LISTED = re.compile(r"^#?([A-Z][A-Z0-9_]+)=", re.MULTILINE)
VARIABLE_ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]+)` \|", re.MULTILINE)
SERIES_ROW = re.compile(r"^\| `([a-z_]+)` \| (counter|gauge|histogram) \| ([^|]*) \|", re.MULTILINE)
ALERT_ROW = re.compile(r"^\| ((?:`[A-Z]\w+`(?:, )?)+) \| (?:critical|warning) \|", re.MULTILINE)
OPERATION_HEADING = re.compile(r"^### (GET|POST|PUT|PATCH|DELETE) (/\S*)$", re.MULTILINE)
MAKE_CALL = re.compile(r"(?:^|`)make ([a-z][a-z-]*)", re.MULTILINE)
MAKE_TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
COMMAND_CALL = re.compile(r"manage\.py optimizer ([a-z]+)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
ABSOLUTE = ("http://", "https://", "mailto:")


def text_of(name: str | Path) -> str:
    return (ROOT / name).read_text()


def operations_of_the_schema() -> set[tuple[str, str]]:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    return {(method.upper(), path) for path, methods in schema["paths"].items() for method in methods}


def links_of(document: Path) -> list[str]:
    links = LINK.findall(FENCED.sub("", text_of(document)))
    return [unquote(link) for link in links if not link.startswith(ABSOLUTE)]


def anchors_of(document: Path) -> set[str]:
    """Return the anchors that GitHub gives to a document's headings."""
    headings = HEADING.findall(FENCED.sub("", text_of(document)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(document: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (ROOT / document.parent / path).resolve() if path else ROOT / document
    return not target.exists() or (anchor != "" and anchor not in anchors_of(target.relative_to(ROOT)))


def test_configuration_lists_exactly_the_variables_of_the_example() -> None:
    described = VARIABLE_ROW.findall(text_of("docs/CONFIGURATION.md"))

    assert sorted(described) == sorted(LISTED.findall(text_of(".env.example")))
    assert {"SECRET_KEY", "OPENAI_API_KEY", "GATEWAY_MAX_IN_FLIGHT"} <= set(described)


def test_the_page_on_monitoring_has_exactly_the_series_with_their_labels() -> None:
    described = {
        name: (kind, tuple(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in SERIES_ROW.findall(text_of("docs/MONITORING.md"))
    }

    assert described == {series.name: (series.kind, series.labels) for series in SERIES.values()}


def test_the_page_on_monitoring_has_exactly_the_rules_for_prometheus() -> None:
    named = {name for row in ALERT_ROW.findall(text_of("docs/MONITORING.md")) for name in re.findall(r"`(\w+)`", row)}

    assert named == set(re.findall(r"- alert: (\w+)", text_of("deploy/monitoring/rules.yml")))


def test_the_api_page_has_a_section_for_exactly_the_operations_of_the_schema() -> None:
    described = OPERATION_HEADING.findall(text_of("docs/API.md"))

    assert sorted(described) == sorted(operations_of_the_schema())


def test_the_api_page_describes_the_gateways_paths() -> None:
    described = {path for method, path in OPERATION_HEADING.findall(text_of("docs/API.md")) if method == "POST"}

    assert {path for path in gateway_app.PATHS if not path.endswith("/")} <= described


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "docs/OPERATIONS.md"])
def test_every_make_target_named_exists(document: str) -> None:
    named = set(MAKE_CALL.findall(text_of(document)))

    assert "run" in named
    assert named - set(MAKE_TARGET.findall(text_of("Makefile"))) == set()


def test_contributing_lists_every_make_target() -> None:
    targets = set(MAKE_TARGET.findall(text_of("Makefile"))) - {"help"}

    assert targets - set(MAKE_CALL.findall(text_of("CONTRIBUTING.md"))) == set()


def test_every_command_named_exists() -> None:
    named = {name for document in DOCUMENTS for name in COMMAND_CALL.findall(text_of(document))}

    assert {"start", "setup", "budget"} <= named
    assert named - {subcommand.NAME for subcommand in registry.SUBCOMMANDS} == set()


def test_the_search_for_documents_finds_them() -> None:
    assert {Path("README.md"), Path("docs/API.md"), Path("docs/adr/README.md")} <= set(DOCUMENTS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    assert [link for link in links_of(document) if broken(document, link)] == []


def test_every_decision_is_in_the_index() -> None:
    pages = {path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md")}

    assert pages - set(links_of(Path("docs/adr/README.md"))) == set()
