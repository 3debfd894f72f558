import asyncio
from dataclasses import replace

import pytest

from routing.domain.usage import Usage
from routing.providers.base import Deadlines, ProviderConfig, ProviderError
from routing.providers.http_client import HttpClient
from routing.providers.openai_compatible import OpenAICompatible
from tests.fake_upstream.running import FakeUpstream
from tests.routing.providers.conftest import KEY, MakeCall
from tests.routing.providers.streams import chunks_in, content_of, passed_on

adapter = OpenAICompatible()


@pytest.mark.parametrize("model", ["ok", "dup_done", "no_done", "crlf", "keep_alive", "slow_ok_20"])
async def test_whole_stream_passes_and_its_end_is_held_back(
    client: HttpClient, openai: ProviderConfig, make_call: MakeCall, model: str
) -> None:
    stream = await adapter.stream(client, openai, make_call(model))
    events = await passed_on(stream)
    await stream.aclose()

    assert content_of(events) == f"{model}: the answer is four"
    assert events.endswith(b"\n\n")
    assert b"[DONE]" not in events
    assert b"prompt_tokens" not in events
    assert {chunk["choices"][0]["finish_reason"] for chunk in chunks_in(events)} == {None}
    assert stream.end is not None
    assert stream.end.final_chunk["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]
    assert (stream.end.finish_reason, stream.end.usage) == ("stop", Usage(5, 5))
    assert stream.end.usage_extra["total_tokens"] == 10
    assert stream.end.text == ""


async def test_usage_is_asked_for_beside_the_callers_stream_options(
    client: HttpClient, openai: ProviderConfig, upstream: FakeUpstream, make_call: MakeCall
) -> None:
    options = {"include_usage": False, "include_obfuscation": False}
    stream = await adapter.stream(client, openai, make_call("ok", stream_options=options))
    await passed_on(stream)
    await stream.aclose()

    assert upstream.bodies[0]["stream"] is True
    assert upstream.bodies[0]["stream_options"] == {"include_usage": True, "include_obfuscation": False}
    assert upstream.exchanges()[0].is_complete


async def test_connection_is_kept_after_a_whole_stream(
    client: HttpClient, openai: ProviderConfig, make_call: MakeCall
) -> None:
    for _ in range(3):
        stream = await adapter.stream(client, openai, make_call("ok"))
        await passed_on(stream)
        await stream.aclose()

    assert client.idle_connections == 1


async def test_missing_usage_leaves_the_text_to_count(
    client: HttpClient, openai: ProviderConfig, make_call: MakeCall
) -> None:
    stream = await adapter.stream(client, openai, make_call("missing_usage"))
    await passed_on(stream)
    await stream.aclose()

    assert stream.end is not None
    assert (stream.end.usage, stream.end.usage_extra) == (None, {})
    assert stream.end.text == "missing_usage: the answer is four"


@pytest.mark.parametrize(
    ("model", "usage"),
    [
        ("zero_usage", Usage(0, 0)),
        ("negative_usage", Usage(0, 0, flags=("usage_clamped",))),
        ("nan_usage", Usage(0, 0, flags=("usage_clamped",))),
        ("huge_usage", Usage(10_000_000, 10_000_000, 10_000_000, 0, 10_000_000, flags=("usage_clamped",))),
        ("details", Usage(5, 5, cached_input_tokens=2, reasoning_tokens=2)),
    ],
)
async def test_usage_of_a_stream_is_read_with_the_same_care(
    client: HttpClient, openai: ProviderConfig, make_call: MakeCall, model: str, usage: Usage
) -> None:
    stream = await adapter.stream(client, openai, make_call(model))
    await passed_on(stream)
    await stream.aclose()

    assert stream.end is not None
    assert stream.end.usage == usage


async def test_tool_call_is_streamed_as_it_comes(
    client: HttpClient, openai: ProviderConfig, make_call: MakeCall
) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": schema}}]
    stream = await adapter.stream(client, openai, make_call("tools", tools=tools))
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks_in(await passed_on(stream))]
    await stream.aclose()

    calls = [delta["tool_calls"][0]["function"] for delta in deltas]
    assert calls[0] == {"name": "weather", "arguments": ""}
    assert "".join(call["arguments"] for call in calls) == '{"city": "value"}'
    assert stream.end is not None
    assert stream.end.finish_reason == "tool_calls"


async def test_every_choice_ends_and_only_the_last_end_is_held_back(
    client: HttpClient, openai: ProviderConfig, make_call: MakeCall
) -> None:
    stream = await adapter.stream(client, openai, make_call("ok", n=3))
    chunks = chunks_in(await passed_on(stream))
    await stream.aclose()

    ended = [chunk["choices"][0]["index"] for chunk in chunks if chunk["choices"][0]["finish_reason"] == "stop"]
    assert ended == [0, 1]
    assert stream.end is not None
    assert stream.end.final_chunk["choices"][0]["index"] == 2


@pytest.mark.parametrize(
    ("model", "code", "retryable", "sent"),
    [
        ("429_retry_after", "rate_limited", True, "no"),
        ("500", "server_error", True, "no"),
        ("redirect", "redirect", False, "no"),
        ("200_with_error", "malformed", False, "yes"),
        ("malformed_json", "malformed", False, "yes"),
        ("html_200", "malformed", False, "yes"),
        ("wrong_type", "malformed", False, "yes"),
        ("gzip_bomb", "malformed", False, "yes"),
    ],
)
async def test_fault_before_the_first_event_leaves_room_for_another_model(
    client: HttpClient,
    openai: ProviderConfig,
    make_call: MakeCall,
    model: str,
    code: str,
    retryable: bool,
    sent: str,
) -> None:
    with pytest.raises(ProviderError) as raised:
        await adapter.stream(client, openai, make_call(model))

    error = raised.value
    assert (error.code, error.retryable, error.fallback, error.sent) == (code, retryable, True, sent)
    assert KEY not in str(error)


@pytest.mark.parametrize(
    ("model", "code"), [("error_event_mid", "interrupted"), ("cut_mid", "interrupted"), ("10mb_line", "too_large")]
)
async def test_fault_in_the_middle_never_looks_complete(
    client: HttpClient, openai: ProviderConfig, make_call: MakeCall, model: str, code: str
) -> None:
    stream = await adapter.stream(client, openai, make_call(model))
    with pytest.raises(ProviderError) as raised:
        await passed_on(stream)
    await stream.aclose()

    error = raised.value
    assert (error.code, error.retryable, error.fallback, error.sent) == (code, False, False, "yes")
    assert stream.end is None


@pytest.mark.parametrize("model", ["stall_mid", "drip_mid", "comments_mid"])
async def test_stall_in_the_middle_meets_the_deadline_between_tokens(
    client: HttpClient, openai: ProviderConfig, make_call: MakeCall, model: str
) -> None:
    # A byte or a comment every 0.3 s is no token: only a whole event moves the deadline.
    config = replace(openai, deadlines=Deadlines(between_tokens=0.5))
    stream = await adapter.stream(client, config, make_call(model))
    with pytest.raises(ProviderError) as raised:
        await passed_on(stream)
    await stream.aclose()

    error = raised.value
    assert (error.code, error.retryable, error.fallback, error.sent) == ("timeout", False, False, "yes")


async def test_total_deadline_ends_a_stream_that_keeps_coming(
    client: HttpClient, openai: ProviderConfig, make_call: MakeCall
) -> None:
    # A chunk every 0.3 s never offends the deadline between tokens.
    config = replace(openai, deadlines=Deadlines(between_tokens=5, total=0.8))
    stream = await adapter.stream(client, config, make_call("slow_chunk"))
    with pytest.raises(ProviderError, match="timeout"):
        await passed_on(stream)
    await stream.aclose()


@pytest.mark.parametrize("model", ["timeout", "slow_first"])
async def test_first_token_deadline_leaves_room_for_another_model(
    client: HttpClient, openai: ProviderConfig, make_call: MakeCall, model: str
) -> None:
    config = replace(openai, deadlines=Deadlines(first_token=0.15))
    with pytest.raises(ProviderError) as raised:
        await adapter.stream(client, config, make_call(model))

    error = raised.value
    assert (error.code, error.retryable, error.fallback, error.sent) == ("timeout", False, True, "unknown")


async def test_closing_early_hangs_up_on_the_provider(
    client: HttpClient, openai: ProviderConfig, upstream: FakeUpstream, make_call: MakeCall
) -> None:
    stream = await adapter.stream(client, openai, make_call("stall_mid"))
    await stream.aclose()

    # In a thread, because the loop must run on to close the connection.
    (exchange,) = await asyncio.to_thread(upstream.exchanges)
    assert not exchange.is_complete
    assert stream.end is None
