"""Rows of LiteLLM's table ``LiteLLM_SpendLogs``: as ``/spend/logs`` answers them, or as the table is exported.

Columns are those of LiteLLM's schema.prisma. What its versions disagree on is said where it is read.
"""

from typing import Any

from insights.domain.usage_logs import cells, logged_prompts
from insights.domain.usage_logs.cells import Record
from insights.domain.usage_logs.record import Kind, LoggedUsage, Unreadable
from routing.domain.usage import Usage

# Calls that are answered with text by a chat model; LiteLLM logs the asynchronous ones with an "a" in front.
_CHAT_CALLS = frozenset(
    {
        "",
        "completion",
        "text_completion",
        "responses",
        "anthropic_messages",
        "generate_content",
        "generate_content_stream",
        "pass_through_endpoint",
        "llm_passthrough_route",
    }
)
_STANDARD_TIERS = frozenset({"", "default", "auto", "standard"})


def read(record: Record) -> LoggedUsage:
    """Read one row.

    Raises:
        Unreadable: A count, amount or date in it cannot be.
    """
    metadata = cells.document(record, "metadata")
    call = cells.text(record, "call_type")
    used = _details(metadata)
    usage = _usage(record, used)
    return LoggedUsage(
        at=cells.moment(record, "startTime", "starttime", "endTime", "endtime"),
        model=cells.text(record, "model"),
        alias=cells.text(record, "model_group"),
        provider=cells.text(record, "custom_llm_provider").lower(),
        usage=usage,
        cost_femto_usd=cells.money(record, "spend"),
        team=_team(record, metadata),
        service_tier=_service_tier(used),
        kind=_kind(record, metadata, call, usage),
        detail=call,
        identity=cells.text(record, "request_id"),
        prompt=logged_prompts.read(record),
    )


def _usage(record: Record, used: dict[str, Any]) -> Usage:
    sent = cells.count(record, "prompt_tokens")
    generated = cells.count(record, "completion_tokens")
    read, written = _cached(used)
    output_details = cells.document(used, "completion_tokens_details")
    reasoning = min(cells.count(output_details, "reasoning_tokens"), generated)
    return Usage(_all_input(sent, read, written), generated, read, written, reasoning)


def _cached(used: dict[str, Any]) -> tuple[int, int]:
    """Return tokens read from and written to the provider's prompt cache, in OpenAI's or Anthropic's words."""
    details = cells.document(used, "prompt_tokens_details")
    read = cells.count(used, "cache_read_input_tokens") or cells.count(details, "cached_tokens")
    written = cells.count(used, "cache_creation_input_tokens") or cells.count(details, "cache_creation_tokens")
    return read, written


def _all_input(sent: int, read: int, written: int) -> int:
    """Return all input tokens, with those of the prompt cache.

    Most versions count them in ``prompt_tokens``; some leave out what was written, or both. A part is never more than
    the whole, so where it would be, it stands beside it.
    """
    if read + written <= sent:
        return sent
    return sent + written if read <= sent else sent + read + written


def _details(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return what the provider said of the usage; rows of a batch have it under another name."""
    return {**cells.document(metadata, "usage_object"), **cells.document(metadata, "additional_usage_values")}


def _kind(record: Record, metadata: dict[str, Any], call: str, usage: Usage) -> Kind:
    if "failure" in (cells.text(record, "status"), metadata.get("status")):
        return Kind.FAILED
    if cells.is_true(record, "cache_hit"):
        return Kind.FROM_CACHE
    is_chat = call in _CHAT_CALLS or call.removeprefix("a") in _CHAT_CALLS
    if not is_chat:
        return Kind.OTHER
    if usage.input_tokens or usage.output_tokens:
        return Kind.CHAT
    if cells.count(record, "total_tokens"):
        raise Unreadable("total_tokens is given, but neither prompt_tokens nor completion_tokens: no price fits that")
    return Kind.MONEY_ONLY


def _team(record: Record, metadata: dict[str, Any]) -> str:
    return cells.text(metadata, "user_api_key_team_alias") or cells.text(record, "team_id")


def _service_tier(used: dict[str, Any]) -> str:
    named = cells.text(used, "service_tier").lower()
    return "standard" if named in _STANDARD_TIERS else named
