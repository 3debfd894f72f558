"""Anthropic's Messages API behind the shape of chat completions."""

import time

import orjson

from routing.providers import exchange
from routing.providers.anthropic_answer import chat_answer
from routing.providers.anthropic_request import answers_in_json, messages_body
from routing.providers.anthropic_stream import AnthropicStream
from routing.providers.base import ChatAnswer, ChatCall, ChatStream, ProviderConfig, ProviderError
from routing.providers.decoding import Undecodable
from routing.providers.errors import during_answer
from routing.providers.exchange import UpstreamRequest
from routing.providers.http_client import HttpClient
from routing.providers.unmappable import Unmappable

API_VERSION = "2023-06-01"


class Anthropic:
    """Translates both ways; a request that would lose its meaning on the way is refused unsent."""

    async def complete(self, client: HttpClient, config: ProviderConfig, call: ChatCall) -> ChatAnswer:
        message = await exchange.ask(client, config, _request(config, call, is_stream=False))
        try:
            return chat_answer(message, created=int(time.time()), answers_in_json=answers_in_json(call.body))
        except Undecodable as exc:
            raise during_answer(config, exc) from exc

    async def stream(self, client: HttpClient, config: ProviderConfig, call: ChatCall) -> ChatStream:
        source = await exchange.open_events(client, config, _request(config, call, is_stream=True))
        in_json = answers_in_json(call.body)
        stream = AnthropicStream(source, config, created=int(time.time()), answers_in_json=in_json)
        await stream.begin()
        return stream


def _request(config: ProviderConfig, call: ChatCall, *, is_stream: bool) -> UpstreamRequest:
    payload = _payload(config, call, is_stream=is_stream)
    request = exchange.request_to(
        config, call, path="/v1/messages", payload=payload, key_header=("x-api-key", ""), is_stream=is_stream
    )
    request.headers["anthropic-version"] = API_VERSION
    return request


def _payload(config: ProviderConfig, call: ChatCall, *, is_stream: bool) -> bytes:
    try:
        body = messages_body(call.body, call.upstream_model)
        return orjson.dumps({**body, "stream": True} if is_stream else body)
    except Unmappable as exc:
        raise _refused(config, str(exc)) from exc
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        # The body is the caller's and only loosely checked before; a shape we did not foresee is theirs to correct.
        raise _refused(config, f"the request has a shape that cannot be translated ({type(exc).__name__})") from exc


def _refused(config: ProviderConfig, reason: str) -> ProviderError:
    return ProviderError("bad_request", f"{config.slug}: {reason}", retryable=False, fallback=True, sent="no")
