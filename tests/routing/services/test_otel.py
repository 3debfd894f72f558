import sys

import pytest
from django.core.exceptions import ImproperlyConfigured
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

from routing.services import otel


def service_name() -> object:
    """Begin to export, and end at once; nothing was told, so nothing is sent."""
    reporter = otel.start()
    assert isinstance(reporter.tracers, TracerProvider)
    assert isinstance(reporter.meters, MeterProvider)
    reporter.tracers.shutdown()
    reporter.meters.shutdown()
    return reporter.tracers.resource.attributes["service.name"]


def test_the_service_is_named_after_the_product_unless_the_environment_names_it(monkeypatch):
    assert service_name() == "ai-cost-optimizer"

    monkeypatch.setenv("OTEL_SERVICE_NAME", "gateway-of-acme")
    assert service_name() == "gateway-of-acme"


def test_without_the_packages_the_start_says_how_to_install_them(monkeypatch):
    # As the interpreter has it of a package that is not there.
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(ImproperlyConfigured, match=r"not installed: pip install .* requirements-otel\.txt"):
        otel.start()
