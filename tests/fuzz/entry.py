"""The way of a body through the gateway's entry, without a server around it."""

from enum import Enum

from routing.domain import normalization, prompt_features
from routing.domain.canonical_json import TooDeeplyNested
from routing.gateway import requests
from routing.gateway.requests import InvalidRequest


class Outcome(Enum):
    ACCEPTED = "accepted"
    REFUSED = "refused"


def enter(raw: bytes) -> Outcome:
    """Do everything that happens to a body before a model is chosen; any error but a refusal is a finding."""
    refused: InvalidRequest | TooDeeplyNested
    try:
        body = requests.parse_json(raw)
        chat = requests.chat_request(body)
        requests.request_controls({}, chat.metadata)
        requests.label(chat.user, "user", 200)
        passed_on = requests.provider_body(body)
        features = prompt_features.extract(passed_on, task=None)
        normalization.normalized_request(passed_on, model_or_strategy=chat.model)
        normalization.prompt_bytes(passed_on)
        metadata = passed_on.get("metadata") or {}
    except (InvalidRequest, TooDeeplyNested) as refusal:
        refused = refusal
    else:
        assert 0 <= features.complexity_score <= 1, f"complexity {features.complexity_score}"
        assert features.input_tokens > 0, f"{features.input_tokens} tokens"
        assert not any(name.lower().startswith("x-optimizer-") for name in metadata), "a control is passed on"
        return Outcome.ACCEPTED
    assert str(refused), "refused without a reason"
    assert 400 <= getattr(refused, "status", 400) < 500, f"refused as if it were our fault: {refused}"
    return Outcome.REFUSED
