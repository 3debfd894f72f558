import re
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from tests import factories


@pytest.fixture(scope="module")
def schema() -> Any:
    return Client().get("/openapi.json").json()


@pytest.mark.parametrize("path", ["/", "/docs", "/docs?script="])
def test_pages_take_nothing_from_elsewhere_and_may_not(path):
    answer = Client().get(path)

    policy = answer.headers["Content-Security-Policy"]
    assert answer.status_code == 200
    assert re.findall(r'(?:src|href)="(?:https?:)?//', answer.content.decode()) == []
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'self'(;|$)", policy)


def test_the_landing_page_shows_a_first_request_to_this_very_host():
    page = Client().get("/", headers={"host": "127.0.0.1:8123"}).content.decode()

    assert "curl http://127.0.0.1:8123/v1/chat/completions" in page
    assert 'href="/docs"' in page
    assert 'href="/admin/"' in page


def test_the_docs_load_their_scripts_from_this_site():
    page = Client().get("/docs").content.decode()

    for script in re.findall(r'<script src="(/static/[^"]+)"', page):
        assert Client().get(script).status_code == 200
    assert page.count("<script src=") == 3


def test_the_schema_is_valid_and_generated_without_a_warning(tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "openapi.yaml"))


def test_the_schema_holds_the_gateways_paths_beside_those_of_django(schema):
    assert set(schema["paths"]) == {
        "/admin/feedback/summary",
        "/admin/learning/evaluate",
        "/admin/learning/evaluations",
        "/admin/learning/outcomes",
        "/admin/learning/policies",
        "/admin/learning/promote",
        "/admin/learning/retrain",
        "/admin/learning/rollback",
        "/admin/learning/status",
        "/admin/performance/trends",
        "/api/actions/{action_id}/revert",
        "/api/features",
        "/api/features/{name}/disable",
        "/api/features/{name}/enable",
        "/api/features/{name}/reset",
        "/api/findings",
        "/api/findings/{finding_id}",
        "/api/findings/{finding_id}/action",
        "/api/findings/{finding_id}/feedback",
        "/api/insights/anti-patterns",
        "/api/insights/learning-paths",
        "/api/insights/report",
        "/api/insights/roi",
        "/api/insights/team-metrics",
        "/api/insights/trends",
        "/api/learning/calibration",
        "/api/learning/metrics",
        "/api/learning/patterns",
        "/api/reviews",
        "/api/reviews/{review_id}",
        "/api/rollout",
        "/api/rollout/advance",
        "/api/rollout/confirm",
        "/api/rollout/issues",
        "/api/rollout/rollback",
        "/api/rollout/start",
        "/api/suggestions",
        "/api/v1/health",
        "/api/v1/metrics",
        "/api/v1/metrics/export",
        "/api/v1/metrics/stats",
        "/api/v1/metrics/{event_id}",
        "/cache/stats",
        "/complete",
        "/experiments",
        "/experiments/{experiment_id}",
        "/experiments/{experiment_id}/cancel",
        "/experiments/{experiment_id}/complete",
        "/experiments/{experiment_id}/promote",
        "/experiments/{experiment_id}/results",
        "/experiments/{experiment_id}/weights",
        "/feedback",
        "/feedback/token",
        "/feedback/{feedback_id}",
        "/health",
        "/health/jobs",
        "/health/learning",
        "/health/liveliness",
        "/health/readiness",
        "/metrics-cache/stats",
        "/metrics/live",
        "/metrics/live/ticket",
        "/providers",
        "/recommendation",
        "/routing/decision",
        "/routing/decision/{request_id}",
        "/routing/metrics",
        "/stats",
        "/v1/chat/completions",
        "/v1/models",
        "/v1/models/{model_id}",
    }
    assert schema["paths"]["/complete"]["post"]["security"] == [{"bearerKey": []}, {"headerKey": []}]
    assert {"bearerKey", "headerKey"} <= set(schema["components"]["securitySchemes"])


def test_health_needs_no_key_and_all_else_does(schema):
    operations = {path: next(iter(methods.values())) for path, methods in schema["paths"].items()}

    open_paths = {path for path, operation in operations.items() if {} in operation.get("security", [{}])}
    # An end user's browser rates an answer with the answer's own token.
    # Whoever comes to a WebSocket by plain HTTP is told so.
    health = {path for path in open_paths if path.startswith("/health") or path == "/api/v1/health"}
    assert open_paths - health == {"/feedback", "/metrics/live"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "component"),
    [
        ("/stats", "Stats"),
        ("/routing/metrics", "RoutingMetrics"),
        ("/cache/stats", "CacheStats"),
        ("/v1/models", "ModelList"),
        ("/v1/models/gpt-small", "Model"),
        ("/providers", "ProviderList"),
        ("/recommendation?prompt=Hi", "Decision"),
        ("/routing/decision?prompt=Hi", "Decision"),
    ],
)
def test_answers_have_exactly_the_fields_that_are_documented(schema, path, component):
    team = factories.team()
    factories.ledger_entry(team)
    factories.price(factories.language_model(factories.provider("openai"), "gpt-small"))
    _, secret = factories.api_key(team)

    answer = Client(headers=factories.bearer(secret)).get(path).json()

    assert set(answer) == set(schema["components"]["schemas"][component]["properties"])
