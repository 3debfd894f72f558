"""JSON bodies at the gateway's entry, and what callers rate and report: taken as they are, or refused with a reason."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import orjson
from rest_framework.exceptions import APIException

from feedback.serializers.events import EventBatchSerializer, batch_of
from feedback.serializers.ratings import RatingSerializer
from optimizer_project import api_errors
from optimizer_project.parsers import StrictJSONParser
from routing.gateway import requests
from routing.gateway.requests import InvalidRequest
from tests.fuzz import mutations
from tests.fuzz.entry import Outcome, enter
from tests.fuzz.guided.target import Target, hold


def check_chat(data: bytes) -> str:
    """Hold a chat completion: what passes on reads the same again."""
    outcome = enter(data)
    if outcome is Outcome.ACCEPTED:
        passed_on = requests.provider_body(requests.parse_json(data))
        written = _written(passed_on)
        assert written is None or requests.parse_json(written) == passed_on, "what is passed on would be read otherwise"
        assert requests.provider_body(passed_on) == passed_on, "what is meant for us is passed on"
    return outcome.value


def _written(value: object) -> bytes | None:
    """Write JSON; None where it nests deeper than can be written, which the adapters refuse."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return None


def check_complete(data: bytes) -> str:
    try:
        asked = requests.complete_request(requests.parse_json(data))
        requests.label(asked.session_id, "session_id", 200)
        requests.label(asked.user_id, "user_id", 200)
    except InvalidRequest as refusal:
        hold(400 <= refusal.status < 500, f"refused as if it were our fault: {refusal}")
        hold(str(refusal) != "", "refused without a reason")
        return "refused"
    assert asked.prompt.strip(), "an empty prompt"
    assert asked.prompt.encode(), "a prompt that cannot be written"
    return "accepted"


def check_rating(data: bytes) -> str:
    return _check_serializer(RatingSerializer, data, lambda body: body)


def check_events(data: bytes) -> str:
    return _check_serializer(EventBatchSerializer, data, batch_of)


def _check_serializer(kind: Any, data: bytes, shaped: Any) -> str:
    try:
        body = shaped(StrictJSONParser().parse(BytesIO(data)))
        serializer = kind(data=body)
        serializer.is_valid(raise_exception=True)
    except APIException as error:
        _check_refusal(error)
        return "refused"
    values = serializer.validated_data
    _check_storable(values)
    return "accepted"


def _check_refusal(error: APIException) -> None:
    answer = api_errors.to_http(error)
    assert 400 <= answer.status < 500, f"refused as if it were our fault: {answer}"
    assert orjson.dumps(api_errors.body_for("/feedback", answer)), "a refusal that cannot be written"


def _check_storable(value: Any) -> None:
    """What PostgreSQL cannot store must not have come this far: the character NUL, and halves of surrogate pairs."""
    if isinstance(value, str):
        assert "\0" not in value, "NUL in what is stored"
        value.encode()
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            _check_storable(name)
            _check_storable(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_storable(inner)


_WORDS = (
    b"null", b"true", b"NaN", b"1e999", b"-0", b"\\ud800", b"\\u0000", b"[[[[", b'{"":', b'""', b"\xff",
    b"\xef\xbb\xbf", b"9223372036854775808", b"18446744073709551616", b"1.0", b'"user_id"', b'"session_id"',
)  # fmt: skip
_CHAT_WORDS = (
    b'"model"', b'"messages"', b'"role"', b'"content"', b'"auto"', b'"auto:hybrid"', b'"text"', b'"image_url"',
    b'"tools"', b'"tool_calls"', b'"metadata"', b'"x-optimizer-task"', b'"x-optimizer-min-quality"', b'"no-store"',
    b'"x-optimizer-max-cost-usd"', b'"x-optimizer-cache"', b'"x-optimizer-experiment"', b'"X-Optimizer-Session"',
    b'"stream_options"', b'"include_usage"', b'"response_format"', b'"json_schema"', b'"max_tokens"', b'"n"',
)  # fmt: skip
_COMPLETE_WORDS = (b'"prompt"', b'"max_tokens"', b'"auto_route"', b'"strategy"', b'"experiment_id"', b'"tokenizer_id"')
_RATING_WORDS = (
    b'"request_id"', b'"token"', b'"quality_score"', b'"is_correct"', b'"is_helpful"', b'"metrics"', b'"comment"',
)  # fmt: skip
_EVENT_WORDS = (
    b'"metrics"',
    b'"type"',
    b'"timestamp"',
    b'"data"',
    b'"2026-07-01T12:00:00Z"',
    b'"+14:00"',
    b'"0001-01-01"',
)
_CHAT = orjson.dumps(mutations.VALID)
_RATING = {
    "request_id": "0190c5a0-0000-7000-8000-000000000000",
    "quality_score": 4,
    "is_correct": None,
    "is_helpful": True,
    "metrics": {"edits": 2, "copied": True, "seconds": 1.5},
    "comment": "Brief.",
    "user_id": "ann",
}
_EVENT = {"type": "page.view", "user_id": "ann", "timestamp": "2026-07-01T12:00:00Z", "data": {"path": "/"}, "depth": 1}
TARGETS = {
    "chat-bodies": Target(
        check_chat,
        {
            "full": _CHAT,
            "least": b'{"model":"auto","messages":[{"role":"user","content":"Hello"}]}',
            "deep": _CHAT.replace(b'"Why is the sky blue?"', b"[" * 300 + b"]" * 300),
        },
        _WORDS + _CHAT_WORDS,
    ),
    "complete-bodies": Target(
        check_complete,
        {
            "least": b'{"prompt":"Hello"}',
            "full": b'{"prompt":"Hello","max_tokens":9,"auto_route":true,"strategy":"hybrid","experiment_id":1,'
            b'"user_id":"ann","session_id":"s","tokenizer_id":"t"}',
        },
        _WORDS + _COMPLETE_WORDS,
    ),
    "ratings": Target(
        check_rating,
        {
            "by id": orjson.dumps(_RATING),
            "by token": b'{"token":"' + b"A" * 60 + b'","quality_score":5,"is_correct":true}',
        },
        _WORDS + _RATING_WORDS,
    ),
    "events": Target(
        check_events,
        {
            "one": orjson.dumps(_EVENT),
            "list": orjson.dumps([_EVENT, {"type": "x"}]),
            "batch": orjson.dumps({"metrics": [_EVENT]}),
        },
        _WORDS + _EVENT_WORDS,
    ),
}
