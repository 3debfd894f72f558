"""Usage of the OpenAI platform: what its usage API answers, the CSV of the same, and the API before it.

Fields are those of ``GET /v1/organization/usage/completions``; the file ``completions_usage_….csv`` of the dashboard
has them as columns. All add up the requests of a span of time: a minute, an hour or a day.
"""

from typing import Any

from insights.domain.usage_logs import cells
from insights.domain.usage_logs.cells import Record
from insights.domain.usage_logs.record import Kind, LoggedUsage
from routing.domain.usage import Usage

_COMPLETIONS = "organization.usage.completions.result"
_STANDARD_TIERS = frozenset({"", "default", "auto", "standard"})
_IDENTITY = ("project_id", "user_id", "api_key_id", "model", "batch", "service_tier", "num_model_requests")


def results(row: Record) -> list[Any] | None:
    """Return the results of a bucket, each with the bucket's times; None for a row that is no bucket.

    Older answers call the list ``result``.
    """
    found = row.get("results", row.get("result"))
    if not isinstance(found, list):
        return None
    times = {"start_time": row.get("start_time"), "end_time": row.get("end_time")}
    return [{**times, **result} if isinstance(result, dict) else result for result in found]


def read(record: Record) -> LoggedUsage | None:
    """Read one row; None for a span of time in which nothing was used, which exports list as well.

    Raises:
        Unreadable: A count or date in it cannot be.
    """
    usage = Usage(
        input_tokens=cells.count(record, "input_tokens"),
        output_tokens=cells.count(record, "output_tokens"),
        cached_input_tokens=cells.count(record, "input_cached_tokens"),
        cache_write_tokens=cells.count(record, "input_cache_write_tokens"),
    )
    requests = cells.count(record, "num_model_requests")
    if not requests and not usage.input_tokens and not usage.output_tokens:
        return None
    kind, detail = _kind(record)
    at = cells.moment(record, "start_time", "start_time_iso")
    return LoggedUsage(
        at=at,
        model=cells.text(record, "model"),
        provider="openai",
        usage=_whole(usage),
        requests=requests,
        team=cells.text(record, "project_name") or cells.text(record, "project_id"),
        service_tier="batch" if cells.is_true(record, "batch") else _service_tier(record),
        kind=kind,
        detail=detail,
        identity=_identity(record, at.isoformat(), usage),
    )


def read_legacy(record: Record) -> LoggedUsage:
    """Read one row of ``GET /v1/usage``, which answered until 2024, or of the activity export of that time.

    Raises:
        Unreadable: A count or date in it cannot be.
    """
    cached = cells.count(record, "n_cached_context_tokens_total")
    sent = cells.count(record, "n_context_tokens_total")
    generated = cells.count(record, "n_generated_tokens_total")
    is_chat = "n_context_tokens_total" in record and cells.text(record, "operation") in ("", "completion")
    named = cells.text(record, "snapshot_id") or cells.text(record, "model") or cells.text(record, "model_id")
    at = cells.moment(record, "aggregation_timestamp", "timestamp")
    usage = Usage(sent, generated, cached)
    return LoggedUsage(
        at=at,
        model=named,
        provider="openai",
        usage=_whole(usage),
        requests=cells.count(record, "n_requests") or cells.count(record, "num_requests"),
        team=cells.text(record, "project_name") or cells.text(record, "project_id"),
        service_tier="batch" if cells.text(record, "request_type") == "batch" else "standard",
        kind=Kind.CHAT if is_chat else Kind.OTHER,
        detail=cells.text(record, "operation"),
        identity=_identity({**record, "model": named}, at.isoformat(), usage),
    )


def _kind(record: Record) -> tuple[Kind, str]:
    named = cells.text(record, "object")
    if named not in ("", _COMPLETIONS):
        return Kind.OTHER, named.removeprefix("organization.usage.").removesuffix(".result")
    if cells.count(record, "input_audio_tokens") or cells.count(record, "output_audio_tokens"):
        return Kind.OTHER, "audio"
    return Kind.CHAT, "completions"


def _service_tier(record: Record) -> str:
    named = cells.text(record, "service_tier").lower()
    return "standard" if named in _STANDARD_TIERS else named


def _whole(usage: Usage) -> Usage:
    """Return the usage with parts that are not more than the whole."""
    cached = min(usage.cached_input_tokens, usage.input_tokens)
    written = min(usage.cache_write_tokens, usage.input_tokens - cached)
    return Usage(usage.input_tokens, usage.output_tokens, cached, written)


def _identity(record: Record, at: str, usage: Usage) -> str:
    """Name the row by all it says: pages that overlap repeat it to the last count."""
    said = [at, str(usage.input_tokens), str(usage.output_tokens), str(usage.cached_input_tokens)]
    return "\x1f".join(said + [cells.text(record, name) for name in _IDENTITY])
