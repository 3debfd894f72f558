"""The targets by name, each with the modules whose coverage guides the search; imported only when it is needed."""

from importlib import import_module

from tests.fuzz.guided.target import Target

_ADAPTERS = ("routing.providers",)
_ENTRY = ("routing.gateway", "routing.domain", "optimizer_project.http_protocol", "uvicorn.protocols.http")
_BODIES = (
    "feedback.serializers",
    "feedback.domain",
    "accounts.serializers",
    "optimizer_project",
    "rest_framework.fields",
)
_TARGETS: dict[str, tuple[str, tuple[str, ...]]] = {
    "http-requests": ("http_requests", _ENTRY),
    "chat-bodies": ("json_bodies", _ENTRY),
    "complete-bodies": ("json_bodies", _ENTRY),
    "http-answers": ("http_answers", _ADAPTERS),
    "openai-answers": ("provider_exchanges", _ADAPTERS),
    "openai-streams": ("provider_exchanges", _ADAPTERS),
    "anthropic-answers": ("provider_exchanges", _ADAPTERS),
    "anthropic-streams": ("provider_exchanges", _ADAPTERS),
    "ratings": ("json_bodies", _BODIES),
    "events": ("json_bodies", _BODIES),
    "rating-tokens": ("rating_tokens", ("routing.services.feedback_tokens",)),
    "usage-logs": ("files", ("insights.domain.usage_logs",)),
    "outcome-files": ("files", ("learning.domain.outcome_rows", "learning.services.table_files")),
}
NAMES = tuple(_TARGETS)


def instrumented(name: str) -> tuple[str, ...]:
    return _TARGETS[name][1]


def load(name: str) -> Target:
    """Import a target; Django has to be set up."""
    targets: dict[str, Target] = import_module(f"tests.fuzz.guided.{_TARGETS[name][0]}").TARGETS
    return targets[name]
