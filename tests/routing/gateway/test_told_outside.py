"""What Prometheus and OpenTelemetry are told of a completion, through the gateway in this process."""

import asyncio
import json
from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pytest_django import Settings

from accounts.services import telemetry
from monitoring.models import Alert
from monitoring.services import alert_defaults, alerts
from optimizer_project import asgi
from routing.models import LedgerEntry, Provider
from routing.services.otel import Reporter
from tests import factories
from tests.fake_upstream.running import FakeUpstream
from tests.routing.domain.specs import SYSTEM_DESIGN
from tests.services import free_port

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("nothing_counted_yet")]

PROMPT = "How many legs has a very secret spider?"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector:
    """Stands for whatever the traces and metrics would be exported to."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.metrics = InMemoryMetricReader()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        self.reporter = Reporter(tracers, MeterProvider([self.metrics]))

    def points(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for resource in json.loads(self.metrics.get_metrics_data().to_json())["resource_metrics"]:  # type: ignore[union-attr]
            for metric in resource["scope_metrics"][0]["metrics"]:
                found[metric["name"]] = metric["data"]["data_points"]
        return found


def simulated() -> str:
    """Make a provider that answers without a network; return its model's full name."""
    provider = factories.provider("simulated", kind=Provider.Kind.SIMULATED, base_url="")
    factories.price(factories.language_model(provider, "small"))
    return "simulated/small"


def complete(secret: str, model: str, collector: Collector | None = None, *, prompt: str = PROMPT) -> int:
    """Send one completion through the gateway as the server would; return the status of its answer."""
    return asyncio.run(_complete(secret, model, collector, prompt))


async def _complete(secret: str, model: str, collector: Collector | None, prompt: str) -> int:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": prompt}]}).encode()
    headers = [(b"authorization", f"Bearer {secret}".encode()), (b"traceparent", PARENT.encode())]
    headers.append((b"content-length", str(len(body)).encode()))
    scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": headers}
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await asgi.gateway.startup()
    assert asgi.gateway.runtime is not None
    try:
        asgi.gateway.runtime.reporter = collector.reporter if collector else None
        await asgi.gateway(scope, receive, send)
    finally:
        await asgi.gateway.shutdown()
        asgi.gateway.runtime = None
    return int(sent[0]["status"])


def observed(name: str, *labels: str) -> float:
    """Return how often this process has noted a figure: a counter's value, or all observations of a histogram."""
    found = [tally.numbers for tally in telemetry.own.tallies() if (tally.name, tally.labels) == (name, labels)]
    return sum(sum(numbers[:-1]) if len(numbers) > 1 else numbers[0] for numbers in found)


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_completion_is_counted_and_timed():
    model, (_, secret) = simulated(), factories.api_key()
    names = (
        ("api_requests_total", "/v1/chat/completions", "POST", "200"),
        ("api_request_duration_seconds", "/v1/chat/completions"),
        ("gateway_overhead_seconds",),
        ("provider_request_duration_seconds", "simulated", "small"),
    )
    before = [observed(*name) for name in names]

    assert complete(secret, model) == 200

    assert [observed(*name) for name in names] == [count + 1 for count in before]


def test_a_provider_that_cannot_be_reached_is_counted_by_the_kind_of_error():
    provider = factories.provider("away", base_url=f"http://127.0.0.1:{free_port()}/v1")
    factories.price(factories.language_model(provider, "gone"))
    _, secret = factories.api_key()
    before = observed("api_errors_total", "/v1/chat/completions", "503")

    assert complete(secret, "away/gone") == 503

    # One try and one more.
    assert observed("provider_errors_total", "away", "gone", "connect") == 2
    assert observed("api_errors_total", "/v1/chat/completions", "503") == before + 1


def test_counts_that_cannot_be_are_counted_flagged_and_fire_their_alert():
    with FakeUpstream() as upstream:
        provider = factories.provider("odd", base_url=upstream.base_url)
        factories.price(factories.language_model(provider, "huge", upstream_name="huge_usage"))
        _, secret = factories.api_key()

        assert complete(secret, "odd/huge") == 200

    assert observed("provider_usage_clamped_total", "odd", "huge") == 1
    entry = LedgerEntry.objects.get()
    assert (entry.flags, entry.cost_nano_usd) == (["usage_clamped"], entry.attempts[0]["reserved_nano_usd"])
    alert_defaults.ensure()
    for now in (entry.created_at + timedelta(seconds=1), entry.created_at + timedelta(seconds=301)):
        alerts.evaluate(now=now)
    assert Alert.objects.get(kind="usage-clamped").state == "firing"


def test_hard_prompts_beyond_the_teams_limit_are_served_by_the_usual_model_and_fire_an_alert(settings: Settings):
    settings.UPGRADE_LIMIT_AFTER = 1
    provider = factories.provider("simulated", kind=Provider.Kind.SIMULATED, base_url="")
    for tier, rate in (("simple", "1.00"), ("moderate", "3.00"), ("complex", "50.00")):
        factories.price(factories.language_model(provider, tier, tier=tier), rate, rate)
    held, free = factories.team("held", upgrade_limit_percent=0), factories.team("free", upgrade_limit_percent=100)
    secrets = [factories.api_key(team)[1] for team in (held, free)]

    assert [complete(secret, "auto", prompt=SYSTEM_DESIGN) for secret in secrets] == [200, 200]

    rows = LedgerEntry.objects.values_list("team__slug", "strategy", "served_model")
    assert set(rows) == {("held", "capped", "moderate"), ("free", "complexity", "complex")}
    alert_defaults.ensure()
    for seconds in (60, 120):
        alerts.evaluate(now=LedgerEntry.objects.all()[0].created_at + timedelta(seconds=seconds))
    assert [alert.state for alert in Alert.objects.filter(kind="upgrades-capped")] == ["firing"]


def test_a_trace_tells_what_the_ledger_says_and_nothing_of_the_prompt():
    model, (key, secret) = simulated(), factories.api_key()
    collector = Collector()

    assert complete(secret, model, collector) == 200

    attempt, request = collector.spans.get_finished_spans()
    row = LedgerEntry.objects.get()
    assert attributes(attempt) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "simulated",
        "gen_ai.request.model": "small",
        "gen_ai.response.model": "small",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": row.input_tokens,
        "gen_ai.usage.output_tokens": row.output_tokens,
        "optimizer.requested_model": model,
    }
    told = attributes(request)
    assert (told["http.route"], told["http.response.status_code"]) == ("/v1/chat/completions", 200)
    assert (told["optimizer.request_id"], told["optimizer.team"]) == (str(row.request_id), key.team.slug)
    assert told["optimizer.cost_usd"] == pytest.approx((row.cost_nano_usd or 0) / 1e9)
    assert "spider" not in attempt.to_json() + request.to_json()
    # Both belong to the caller's trace.
    assert request.context is not None
    assert request.parent is not None
    assert format(request.context.trace_id, "032x") == PARENT.split("-")[1]
    assert format(request.parent.span_id, "016x") == PARENT.split("-")[2]
    assert attempt.parent is not None
    assert attempt.parent.span_id == request.context.span_id


def test_generative_ai_metrics_have_durations_and_tokens():
    model, (_, secret) = simulated(), factories.api_key()
    collector = Collector()

    complete(secret, model, collector)

    points, row = collector.points(), LedgerEntry.objects.get()
    tokens = {point["attributes"]["gen_ai.token.type"]: point["sum"] for point in points["gen_ai.client.token.usage"]}
    assert tokens == {"input": row.input_tokens, "output": row.output_tokens}
    (duration,) = points["gen_ai.client.operation.duration"]
    assert duration["count"] == 1
    assert duration["attributes"]["gen_ai.provider.name"] == "simulated"


def test_attempts_that_failed_are_spans_with_their_error():
    provider = factories.provider("away", base_url=f"http://127.0.0.1:{free_port()}/v1")
    factories.price(factories.language_model(provider, "gone"))
    _, secret = factories.api_key()
    collector = Collector()

    complete(secret, "away/gone", collector)

    *attempts, request = collector.spans.get_finished_spans()
    assert [attributes(attempt)["error.type"] for attempt in attempts] == ["connect", "connect"]
    assert not any("gen_ai.usage.input_tokens" in attributes(attempt) for attempt in attempts)
    assert request.status.status_code.name == "ERROR"
