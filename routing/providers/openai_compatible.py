"""Chat completions: OpenAI, Gemini's compatible endpoint, OpenRouter, Cerebras, Ollama, vLLM and the like."""

from typing import Any

from routing.providers import error_text, exchange, usage_reading
from routing.providers.base import ChatAnswer, ChatCall, ChatStream, ProviderConfig
from routing.providers.decoding import Undecodable
from routing.providers.errors import during_answer
from routing.providers.exchange import UpstreamRequest
from routing.providers.http_client import HttpClient
from routing.providers.openai_stream import OpenAIStream, finish_reason_of


class OpenAICompatible:
    """Sends the caller's body on almost as it is and returns the provider's answer as it is."""

    async def complete(self, client: HttpClient, config: ProviderConfig, call: ChatCall) -> ChatAnswer:
        answer = await exchange.ask(client, config, _request(config, call, is_stream=False))
        try:
            return _read(answer)
        except Undecodable as exc:
            raise during_answer(config, exc) from exc

    async def stream(self, client: HttpClient, config: ProviderConfig, call: ChatCall) -> ChatStream:
        source = await exchange.open_events(client, config, _request(config, call, is_stream=True))
        stream = OpenAIStream(source, config)
        await stream.begin()
        return stream


def _request(config: ProviderConfig, call: ChatCall, *, is_stream: bool) -> UpstreamRequest:
    payload = exchange.payload_of(config, _body(call, is_stream=is_stream))
    return exchange.request_to(
        config,
        call,
        path="/chat/completions",
        payload=payload,
        key_header=("Authorization", "Bearer "),
        is_stream=is_stream,
    )


def _body(call: ChatCall, *, is_stream: bool) -> dict[str, Any]:
    body = {**call.body, "model": call.upstream_model}
    if is_stream:
        options = body.get("stream_options")
        body["stream"] = True
        body["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
    else:
        body.pop("stream", None)
        body.pop("stream_options", None)
    return body


def _read(answer: Any) -> ChatAnswer:
    if not isinstance(answer, dict):
        raise Undecodable("no JSON object")
    if answer.get("error"):
        raise Undecodable(f"an error with status 200: {error_text.message_in(answer) or 'no reason given'}")
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not all(_is_choice(choice) for choice in choices):
        raise Undecodable("no chat completion: it has no list of choices with messages")
    return ChatAnswer(answer, usage_reading.read_openai(answer.get("usage")), finish_reason_of(choices))


def _is_choice(choice: object) -> bool:
    return isinstance(choice, dict) and isinstance(choice.get("message"), dict)
