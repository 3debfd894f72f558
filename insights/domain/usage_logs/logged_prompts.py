"""What the router would have read in a prompt that LiteLLM kept with its row (``store_prompts_in_spend_logs``).

The text itself is looked at and forgotten: nothing of it is in any report.
"""

from typing import Any

import orjson

from insights.domain.usage_logs import cells
from insights.domain.usage_logs.cells import Record
from insights.domain.usage_logs.record import PromptReading
from routing.domain import canonical_json, prompt_features


def read(record: Record) -> PromptReading | None:
    """Return the reading of a row's prompt; None where the row has none, or it is no list of messages."""
    body = _body(record)
    if body is None:
        return None
    try:
        features = prompt_features.extract(body, task=None)
    except canonical_json.TooDeeplyNested:
        return None
    return PromptReading(features.tier, features.pattern)


def _body(record: Record) -> dict[str, Any] | None:
    """Return the request: LiteLLM kept its messages in one column, and later the whole body in another."""
    asked = cells.document(record, "proxy_server_request")
    for body in (asked, {"messages": _listed(record.get("messages"))}):
        messages = body.get("messages")
        if isinstance(messages, list) and messages and all(isinstance(each, dict) for each in messages):
            return body
    return None


def _listed(value: object) -> object:
    if isinstance(value, str) and value.startswith("["):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
    return value
