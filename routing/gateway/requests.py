"""Reads a completion request: strict where we decide from it, open where only the provider cares."""

import hashlib
import math
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeVar

import msgspec
import orjson

from routing.domain.decision import Controls
from routing.services.wish import AUTO

MAX_MESSAGES = 5_000
MAX_CONTAINERS = 1_000_000
MAX_FIELDS = 1_000
# Each part is weighed on its own, and three million empty ones fit into a body.
MAX_PARTS = 10_000
_CONTROL_PREFIX = "x-optimizer-"
_CONTROLS = ("max-cost-usd", "min-quality", "cache", "session", "task", "experiment")
# Of at most as many digits as the largest id of the database.
_NUMBER = re.compile(r"[0-9]{1,19}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

T = TypeVar("T")
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]


class InvalidRequest(Exception):
    """The request is not one we can serve. ``param`` names the field, ``code`` is a stable word."""

    def __init__(self, message: str, *, status: int = 422, code: str = "invalid_request", param: str | None = None):
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.param = param


class Message(msgspec.Struct):
    role: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    content: str | Annotated[list[dict[str, Any]], msgspec.Meta(max_length=MAX_PARTS)] | None = None
    tool_calls: list[dict[str, Any]] | None = None


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class ChatRequest(msgspec.Struct):
    """The fields of a chat completion that we look at; all others pass through unread."""

    model: Name
    messages: Annotated[list[Message], msgspec.Meta(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Positive | None = None
    max_completion_tokens: Positive | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    tools: list[dict[str, Any]] | None = None
    functions: list[dict[str, Any]] | None = None
    response_format: dict[str, Any] | None = None
    user: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    metadata: dict[str, Any] | None = None


class CompleteRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /complete``."""

    prompt: Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)]
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1000
    auto_route: bool = False
    strategy: Annotated[str, msgspec.Meta(min_length=1, max_length=32)] | None = None
    experiment_id: int | None = None
    user_id: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    session_id: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    tokenizer_id: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class RequestControls(msgspec.Struct, frozen=True):
    """What the caller asked of us, by header or metadata."""

    controls: Controls
    may_cache: bool
    session_id: str | None
    task: str | None
    experiment_id: int | None = None


def parse_json(raw: bytes) -> dict[str, Any]:
    """Parse a JSON object; raises InvalidRequest: 400 for anything else, 422 for more parts than a request can have."""
    # Text takes a byte a character, an empty object of two bytes a hundred: counted first, they cost next to nothing.
    if raw.count(b"{") + raw.count(b"[") > MAX_CONTAINERS:
        raise InvalidRequest(f"The body has more than {MAX_CONTAINERS:,} objects and lists.")
    try:
        parsed = orjson.loads(raw)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}", status=400, code="invalid_json") from None
    if not isinstance(parsed, dict):
        raise InvalidRequest("The body must be a JSON object.", status=400, code="invalid_json")
    if len(parsed) > MAX_FIELDS:
        raise InvalidRequest(f"The body has more than {MAX_FIELDS:,} fields.")
    return parsed


def chat_request(body: dict[str, Any]) -> ChatRequest:
    """Check the fields of a chat completion that we use; raises InvalidRequest (422)."""
    request = _converted(body, ChatRequest)
    if sum(len(message.content) for message in request.messages if isinstance(message.content, list)) > MAX_PARTS:
        raise InvalidRequest(f"The messages have more than {MAX_PARTS} content parts.", param="messages")
    return request


def complete_request(body: dict[str, Any]) -> CompleteRequest:
    """Check the body of ``POST /complete``; raises InvalidRequest (422, or 400 for a missing ``user_id``)."""
    request = _converted(body, CompleteRequest)
    if not request.prompt.strip():
        raise InvalidRequest("The prompt is empty.", param="prompt")
    if request.experiment_id is not None and not request.user_id:
        raise InvalidRequest(
            "user_id required when experiment_id is specified", status=400, code="user_id_required", param="user_id"
        )
    return request


def provider_body(body: dict[str, Any]) -> dict[str, Any]:
    """Return what a provider may see: the caller's body without what was meant for us."""
    metadata = body.get("metadata")
    if not isinstance(metadata, dict):
        return body
    kept = {name: value for name, value in metadata.items() if not _is_control(name)}
    if len(kept) == len(metadata):
        return body
    rest = {name: value for name, value in body.items() if name != "metadata"}
    return {**rest, "metadata": kept} if kept else rest


def request_controls(headers: Mapping[str, str], metadata: Mapping[str, Any] | None) -> RequestControls:
    """Read the ``x-optimizer-`` controls, headers before metadata; raises InvalidRequest (422) naming what is wrong."""
    given: dict[str, str] = {}
    # Names of headers have no case, and what is a header here is the same word in the metadata.
    named = {name.lower(): value for name, value in metadata.items()} if metadata else {}
    for name in _CONTROLS:
        value = headers.get(_CONTROL_PREFIX + name)
        if value is None and named:
            value = _from_metadata(named, name)
        if value is not None and value.strip():
            given[name] = value.strip()
    cache = given.get("cache", "")
    if cache not in ("", "no-store"):
        raise InvalidRequest("x-optimizer-cache must be 'no-store' or absent.", param="x-optimizer-cache")
    return RequestControls(
        controls=Controls(max_cost_usd=_max_cost(given), min_quality=_min_quality(given)),
        may_cache=cache != "no-store",
        session_id=label(given.get("session"), "x-optimizer-session", 200),
        task=label(given.get("task"), "x-optimizer-task", 64),
        experiment_id=_experiment_id(given),
    )


def check_experiment(given: RequestControls, model: str) -> None:
    """Raise InvalidRequest (422) where a request asks for a model by name and for an experiment that would choose."""
    if given.experiment_id is not None and model != AUTO and not model.startswith(f"{AUTO}:"):
        raise InvalidRequest("An experiment chooses the model: ask for the model 'auto'.", param="model")


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """Return the caller's Idempotency-Key, None without one; raises InvalidRequest (422) for an unusable one."""
    value = headers.get("idempotency-key")
    if value is None:
        return None
    if not value:
        raise InvalidRequest("Idempotency-Key is empty.", param="Idempotency-Key")
    return label(value, "Idempotency-Key", 255)


def label(value: str | None, name: str, limit: int) -> str | None:
    """Return short printable text as given; raises InvalidRequest (422) otherwise."""
    if value is None:
        return None
    if len(value) > limit or _UNPRINTABLE.search(value):
        raise InvalidRequest(f"{name} must be at most {limit} printable characters.", param=name)
    return value


def body_hash(raw: bytes) -> str:
    """Return the digest by which a repeated request is recognized."""
    return hashlib.sha256(raw).hexdigest()


def _converted(body: dict[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `")
        param = path.rstrip("`").removeprefix("$").removeprefix(".") or None
        raise InvalidRequest(f"{message}{f' (at {param})' if param else ''}.", param=param) from None
    except RecursionError:
        raise InvalidRequest("The body is nested too deeply.", status=400, code="invalid_json") from None


def _is_control(name: str) -> bool:
    return name.lower().startswith(_CONTROL_PREFIX)


def _from_metadata(metadata: Mapping[str, Any], name: str) -> str | None:
    value = metadata.get(_CONTROL_PREFIX + name)
    if value is None and name == "task":
        value = metadata.get("task")
    if value is None:
        return None
    if not isinstance(value, str | int | float):
        raise InvalidRequest(f"metadata.{_CONTROL_PREFIX}{name} must be text or a number.", param="metadata")
    return str(value)


def _max_cost(given: Mapping[str, str]) -> Decimal | None:
    if (text := given.get("max-cost-usd")) is None:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or not 0 <= value <= 1_000_000:
        raise InvalidRequest(
            "x-optimizer-max-cost-usd must be dollars as a number, 0 or more.", param="x-optimizer-max-cost-usd"
        )
    return value


def _min_quality(given: Mapping[str, str]) -> float | None:
    if (text := given.get("min-quality")) is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise InvalidRequest("x-optimizer-min-quality must be a number from 0 to 1.", param="x-optimizer-min-quality")
    return value


def _experiment_id(given: Mapping[str, str]) -> int | None:
    if (text := given.get("experiment")) is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise InvalidRequest("x-optimizer-experiment must be an experiment's id.", param="x-optimizer-experiment")
    return int(text)
