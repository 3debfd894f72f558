"""OpenTelemetry, where it is switched on: a trace for each completion with a span for each attempt, and GenAI metrics.

Everything is told when the ledger row is closed, with the times that are in it: nothing is carried along with a
request, and nothing of a prompt or an answer is told. Names follow OpenTelemetry's semantic conventions for generative
AI (https://opentelemetry.io/docs/specs/semconv/gen-ai/). The packages are those of requirements-otel.txt.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured

from routing.services.attempts import Attempt
from routing.services.ledger_rows import Ending

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from routing.services.settlement import Settlement

logger = logging.getLogger(__name__)

_NAME = "ai-cost-optimizer"
# The names that the conventions give to providers we call otherwise.
_PROVIDERS = {"gemini": "gcp.gemini", "mistral": "mistral_ai", "azure": "azure.ai.openai", "xai": "x_ai"}
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = tuple(float(4**power) for power in range(14))
_ROUTES = {"chat": "/v1/chat/completions", "complete": "/complete"}
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Reporter:
    """Tells of completions that have ended."""

    tracers: "TracerProvider"
    meters: "MeterProvider"

    def tell(self, settled: "Settlement", ending: Ending, row: Mapping[str, Any]) -> None:
        """Tell of one completion, which never fails because of that; ``row`` is what its ledger row is closed with."""
        try:
            self._tell(settled, ending, row)
        except Exception as error:
            logger.warning("A trace could not be told: %s", type(error).__name__)

    def _tell(self, settled: "Settlement", ending: Ending, row: Mapping[str, Any]) -> None:
        from opentelemetry import trace
        from opentelemetry.trace import SpanKind, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        request = settled.request
        route = _ROUTES[request.endpoint]
        carrier = {"traceparent": request.traceparent} if request.traceparent else {}
        span = self.tracers.get_tracer(_NAME).start_span(
            f"POST {route}",
            context=TraceContextTextMapPropagator().extract(carrier),
            kind=SpanKind.SERVER,
            start_time=_nanoseconds(request.received_at),
            attributes=_request_attributes(settled, ending, row, route),
        )
        if ending.http_status >= _SERVER_ERROR:
            span.set_status(StatusCode.ERROR)
        for attempt in settled.loop.made:
            self._tell_attempt(attempt, request.requested_model, ending, trace.set_span_in_context(span))
        span.end(_nanoseconds(ending.settled_at))

    def _tell_attempt(self, attempt: Attempt, requested_model: str, ending: Ending, context: Any) -> None:
        from opentelemetry.trace import SpanKind, StatusCode

        attributes = _attempt_attributes(attempt)
        started = _nanoseconds(datetime.fromisoformat(attempt.started_at))
        span = self.tracers.get_tracer(_NAME).start_span(
            f"chat {attempt.model.name}",
            context=context,
            kind=SpanKind.CLIENT,
            start_time=started,
            attributes=attributes | {"optimizer.requested_model": requested_model},
        )
        if attempt.state == "succeeded" and ending.finish_reason:
            span.set_attribute("gen_ai.response.finish_reasons", (ending.finish_reason,))
        if attempt.code is not None:
            span.set_status(StatusCode.ERROR)
        span.end(started + (attempt.latency_ms or 0) * 1_000_000)
        self._measure(attempt, attributes)

    def _measure(self, attempt: Attempt, attributes: Mapping[str, Any]) -> None:
        meter = self.meters.get_meter(_NAME)
        known = {name: value for name, value in attributes.items() if name not in _COUNTED}
        duration = meter.create_histogram(
            "gen_ai.client.operation.duration", unit="s", explicit_bucket_boundaries_advisory=_SECONDS
        )
        duration.record((attempt.latency_ms or 0) / 1000, known)
        tokens = meter.create_histogram(
            "gen_ai.client.token.usage", unit="{token}", explicit_bucket_boundaries_advisory=_TOKENS
        )
        for kind, counted in _COUNTED.items():
            if kind in attributes:
                tokens.record(attributes[kind], known | {"gen_ai.token.type": counted})


def start() -> Reporter:
    """Begin to export as the environment says (``OTEL_EXPORTER_OTLP_ENDPOINT`` and the like).

    Raises:
        ImproperlyConfigured: The packages are not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ImproperlyConfigured(
            "OTEL_ENABLED=true needs packages that are not installed: pip install --require-hashes -r "
            "requirements-otel.txt"
        ) from error
    resource = Resource.create()
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        # Neither OTEL_SERVICE_NAME nor OTEL_RESOURCE_ATTRIBUTES names it.
        resource = resource.merge(Resource({SERVICE_NAME: _NAME}))
    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Reporter(tracers, MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource=resource))


_COUNTED = {"gen_ai.usage.input_tokens": "input", "gen_ai.usage.output_tokens": "output"}


def _request_attributes(
    settled: "Settlement", ending: Ending, row: Mapping[str, Any], route: str
) -> dict[str, str | int | float]:
    decision = settled.loop.plan.decision
    found: dict[str, str | int | float | None] = {
        "http.request.method": "POST",
        "http.route": route,
        "http.response.status_code": ending.http_status,
        "error.type": ending.error_code,
        "optimizer.request_id": settled.request.request_id,
        "optimizer.team": settled.request.key.team.slug,
        "optimizer.strategy": decision.strategy,
        "optimizer.pattern": settled.loop.plan.features.pattern,
        "optimizer.overhead_ms": ending.overhead_ms,
        "optimizer.cost_usd": _usd(row.get("cost_nano_usd")),
        "optimizer.savings_usd": _usd(row.get("savings_nano_usd")),
    }
    return {name: value for name, value in found.items() if value is not None}


def _attempt_attributes(attempt: Attempt) -> dict[str, Any]:
    found: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _PROVIDERS.get(attempt.model.provider, attempt.model.provider),
        "gen_ai.request.model": attempt.model.upstream_name,
        "gen_ai.response.model": attempt.model.upstream_name if attempt.code is None else None,
        "error.type": attempt.code,
    }
    if attempt.usage is not None and attempt.code is None:
        found["gen_ai.usage.input_tokens"] = attempt.usage.input_tokens
        found["gen_ai.usage.output_tokens"] = attempt.usage.output_tokens
    return {name: value for name, value in found.items() if value is not None}


def _usd(nano_usd: int | None) -> float | None:
    return None if nano_usd is None else nano_usd / 1e9


def _nanoseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000) * 1000
