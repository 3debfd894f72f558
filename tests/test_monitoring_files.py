"""The files for Prometheus and Grafana name only series that exist, with labels that they have."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from accounts.domain.series import SERIES, Series

FOLDER = Path(settings.BASE_DIR) / "deploy/monitoring"
WORD = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
STRING = re.compile(r'"[^"]*"')
VARIABLE = re.compile(r"\$\w+")
SELECTOR = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)\{([^}]*)\}")
GROUPING = re.compile(r"\bby \(([^)]*)\)")
DURATION = re.compile(r"\b\d+[smhd]\b")
# The language's own words, what Prometheus adds by itself, and how long something is.
KNOWN = {"sum", "max", "min", "count", "rate", "increase", "delta", "histogram_quantile", "time", "vector", "changes"}
KNOWN |= {"by", "or", "and", "offset"}
OF_PROMETHEUS = {"up", "ALERTS", "alertstate", "job", "instance", "le"}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "grafana-dashboard.json").read_text())
    return found


def queries() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    yield from (target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", ()))
    yield from (note["expr"] for note in dashboard()["annotations"]["list"])


def names_of(series: Series) -> set[str]:
    parts = ("_bucket", "_count", "_sum") if series.kind == "histogram" else ("",)
    return {series.name + part for part in parts}


PUBLISHED = {name: series for series in SERIES.values() for name in names_of(series)}
LABELS = {label for series in SERIES.values() for label in series.labels}


@pytest.mark.parametrize("query", sorted(set(queries())))
def test_a_query_names_only_what_is_published(query):
    bare = DURATION.sub("", VARIABLE.sub("", STRING.sub("", query)))
    words = set(WORD.findall(bare)) - KNOWN - OF_PROMETHEUS

    assert words - set(PUBLISHED) - LABELS == set()


@pytest.mark.parametrize("query", sorted(set(queries())))
def test_a_query_asks_only_for_labels_that_its_series_has(query):
    for name, matchers in SELECTOR.findall(query):
        asked = {matcher.partition("=")[0].strip() for matcher in matchers.split(",")}
        assert asked - OF_PROMETHEUS <= set(PUBLISHED[name].labels if name in PUBLISHED else ())
    named = [PUBLISHED[word] for word in WORD.findall(query) if word in PUBLISHED]
    had = {label for series in named for label in series.labels} | OF_PROMETHEUS
    grouped = {label.strip() for labels in GROUPING.findall(query) for label in labels.split(",")}
    assert grouped <= had


def test_every_series_but_the_rare_is_on_the_dashboard_or_in_a_rule():
    words = {word for query in queries() for word in WORD.findall(query)}

    assert {series.name for series in SERIES.values() if not names_of(series) & words} == set()


def test_each_rule_of_the_product_has_its_twin_for_prometheus():
    by_severity = {rule["alert"]: rule["labels"]["severity"] for rule in rules()}

    assert by_severity == {
        **dict.fromkeys(("LearningJobsFail", "InsightsSlow", "FeedbackBacklog"), "critical"),
        **dict.fromkeys(("IntegrityCheckFailed", "DatabasePoolExhausted", "UnpricedTraffic"), "critical"),
        **dict.fromkeys(("DatabaseDown", "OptimizerDown"), "critical"),
        **dict.fromkeys(
            ("UsageClamped", "LearningUpdateSlow", "ThresholdsNotEvaluated", "InsightsCacheCold"), "warning"
        ),
        **dict.fromkeys(("ApiErrors", "MemoryHigh", "BudgetNearlySpent", "ReplicaUnfit"), "warning"),
    }
    assert {rule["alert"]: rule.get("for") for rule in rules()}["IntegrityCheckFailed"] is None


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_accepts_the_rules():
    checked = subprocess.run(["promtool", "check", "rules", FOLDER / "rules.yml"], capture_output=True, text=True)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_no_two_panels_share_an_id_or_a_place():
    panels = dashboard()["panels"]
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(set(cells)) == len(cells)
