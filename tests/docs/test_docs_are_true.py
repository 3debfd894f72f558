"""The documents name what exists, and leave out nothing: variables, paths, make targets, commands, files."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

from accounts.domain.series import SERIES
from monitoring.models import AlertRule
from monitoring.services import integrity
from monitoring.services.alert_defaults import CHANNELS, RULES
from optimizer_project import websocket_urls
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
NAMED_OPERATION = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`?\s]*)[^`]*`")
PLACE = re.compile(r"\{[^}]*\}")
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
RULE_ROW = re.compile(r"^\| `([a-z-]+)` \| [^|]+ \| ([^|]+) \| ?([^|]*) \| (critical|warning|info) \|$", re.MULTILINE)
CHANNEL_ROW = re.compile(r"^\| (critical|warning|info) \| ([^|]+) \|$", re.MULTILINE)
# Staff find their way there by themselves.
OF_THE_ADMIN = ("/admin",)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
ABSOLUTE = ("http://", "https://", "mailto:")


def text_of(name: str | Path) -> str:
    return (ROOT / name).read_text()


def routes() -> set[str]:
    """Return the address of every view and WebSocket, without the slash at its end."""

    def walk(patterns: Iterable[URLPattern | URLResolver], before: str) -> Iterator[str]:
        for one in patterns:
            address = before + PARAMETER.sub(r"{\1}", str(one.pattern)).lstrip("^").rstrip("$")
            if isinstance(one, URLResolver):
                yield from walk(one.url_patterns, address)
            else:
                yield address

    addresses = [*walk(get_resolver().url_patterns, ""), *websocket_urls.PATHS]
    return {f"/{address.strip('/')}" for address in addresses}


@cache
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


def test_the_page_on_alerts_has_exactly_the_rules_of_a_new_installation() -> None:
    default = AlertRule()
    described = {slug: cells for slug, *cells in RULE_ROW.findall(text_of("docs/ALERTS.md"))}
    held = {0: "at once", 300: "5 min"}
    windows = {300: "5 min", 3600: "1 hour", 86_400: "1 day"}

    assert {slug: (hold, severity) for slug, (hold, _, severity) in described.items()} == {
        slug: (held[rule.get("hold_seconds", default.hold_seconds)], rule["severity"]) for slug, rule in RULES.items()
    }
    # A measure of the present has no window; of the others each is told.
    assert {slug: window for slug, (_, window, _) in described.items() if window} == {
        **{slug: windows[rule["window_seconds"]] for slug, rule in RULES.items() if "window_seconds" in rule},
        "api-errors": windows[default.window_seconds],
    }


def test_the_page_on_alerts_has_exactly_the_channels_of_each_severity() -> None:
    described = {
        severity: {name.strip().replace("-", "").lower() for name in names.split(",")}
        for severity, names in CHANNEL_ROW.findall(text_of("docs/ALERTS.md"))
    }

    assert described == {
        severity: {name for name, taken in CHANNELS.items() if severity in taken}
        for severity in ("critical", "warning", "info")
    }


def test_the_page_on_alerts_has_exactly_the_checks_of_integrity() -> None:
    described = re.findall(r"^\| `([a-z_]+)` \| [^|]+ \|$", text_of("docs/ALERTS.md"), re.MULTILINE)

    assert sorted(described) == sorted(integrity.CHECKS)


def test_every_path_that_is_no_operation_is_described_as_well() -> None:
    """Pages, and what is for machines: all that can be asked but Django's own admin."""
    everything = "\n".join(text_of(document) for document in DOCUMENTS)
    in_schema = {path for _, path in operations_of_the_schema()}
    others = {path for path in routes() if path not in in_schema and not path.startswith(OF_THE_ADMIN)}

    assert {"/dashboard", "/metrics", "/docs"} <= others
    assert {path for path in others if not re.search(rf"[`\w]{re.escape(path)}/?[`\s?,)]", everything)} == set()


def test_every_operation_named_exists() -> None:
    known = {(method, PLACE.sub("{}", path)) for method, path in operations_of_the_schema()}
    # Pages and streams are asked by GET and are no operations.
    known |= {("GET", PLACE.sub("{}", path)) for path in routes()}
    texts = [text_of(document) for document in DOCUMENTS]
    named = {(method, PLACE.sub("{}", path)) for text in texts for method, path in NAMED_OPERATION.findall(text)}

    assert ("GET", "/stats") in named
    assert named - known == set()


def test_the_api_page_has_a_section_for_exactly_the_operations_of_the_schema() -> None:
    described = OPERATION_HEADING.findall(text_of("docs/API.md"))

    assert sorted(described) == sorted(operations_of_the_schema())


def test_the_api_page_describes_the_gateways_paths() -> None:
    described = {path for method, path in OPERATION_HEADING.findall(text_of("docs/API.md")) if method == "POST"}

    assert {path for path in gateway_app.PATHS if not path.endswith("/")} <= described


def test_contributing_lists_every_make_target() -> None:
    targets = set(MAKE_TARGET.findall(text_of("Makefile"))) - {"help"}

    assert targets - set(MAKE_CALL.findall(text_of("CONTRIBUTING.md"))) == set()


def test_the_search_for_documents_finds_them() -> None:
    assert {Path("README.md"), Path("docs/API.md"), Path("docs/adr/README.md")} <= set(DOCUMENTS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    assert [link for link in links_of(document) if broken(document, link)] == []


def test_every_decision_is_in_the_index() -> None:
    pages = {path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md")}

    assert pages - set(links_of(Path("docs/adr/README.md"))) == set()
