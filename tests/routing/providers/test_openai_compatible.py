import tracemalloc
from dataclasses import replace

import pytest

from routing.domain.usage import Usage
from routing.providers.base import Deadlines, ProviderConfig, ProviderError
from routing.providers.http_client import HttpClient
from routing.providers.openai_compatible import OpenAICompatible
from tests.fake_upstream.running import FakeUpstream
from tests.routing.providers.conftest import KEY, MakeCall

adapter = OpenAICompatible()


async def test_answer_comes_back_as_the_provider_gave_it(
    client: HttpClient, openai: ProviderConfig, make_call: MakeCall
) -> None:
    answer = await adapter.complete(client, openai, make_call("ok"))

    assert answer.body["choices"][0]["message"]["content"] == "ok: the answer is four"
    assert answer.finish_reason == "stop"
    # 20 characters of prompt at four a token; five words of answer.
    assert answer.usage == Usage(input_tokens=5, output_tokens=5)


async def test_request_carries_key_attempt_id_and_upstream_model(
    client: HttpClient, openai: ProviderConfig, upstream: FakeUpstream, make_call: MakeCall
) -> None:
    call = make_call("vendor/ok", temperature=0.5, user="u1", stream=False, stream_options={"include_usage": True})
    await adapter.complete(client, openai, call)

    (exchange,) = upstream.exchanges()
    assert (exchange.attempt_id, exchange.model, exchange.key_tail) == ("attempt-1", "vendor/ok", "cdef")
    assert exchange.is_complete
    assert upstream.bodies == [
        {
            "model": "vendor/ok",
            "messages": [{"role": "user", "content": "What is two and two?"}],
            "temperature": 0.5,
            "user": "u1",
        }
    ]
    assert call.body["model"] == "auto"


async def test_provider_without_a_key_gets_no_authorization(
    client: HttpClient, openai: ProviderConfig, upstream: FakeUpstream, make_call: MakeCall
) -> None:
    await adapter.complete(client, replace(openai, api_key=None), make_call("ok"))

    assert [exchange.key_tail for exchange in upstream.exchanges()] == [""]


async def test_cached_and_reasoning_tokens_are_read(
    client: HttpClient, openai: ProviderConfig, make_call: MakeCall
) -> None:
    answer = await adapter.complete(client, openai, make_call("details"))

    assert answer.usage == Usage(input_tokens=5, output_tokens=5, cached_input_tokens=2, reasoning_tokens=2)


async def test_tool_call_comes_back(client: HttpClient, openai: ProviderConfig, make_call: MakeCall) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": schema}}]
    answer = await adapter.complete(client, openai, make_call("tools", tools=tools))

    call = answer.body["choices"][0]["message"]["tool_calls"][0]
    assert call["function"] == {"name": "weather", "arguments": '{"city": "value"}'}
    assert answer.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("model", "code", "retryable", "fallback", "sent", "status", "retry_after"),
    [
        ("429", "rate_limited", True, True, "no", 429, None),
        ("429_retry_after", "rate_limited", True, True, "no", 429, 1.0),
        ("429_retry_after:-5", "rate_limited", True, True, "no", 429, None),
        ("429_retry_after:soon", "rate_limited", True, True, "no", 429, None),
        ("429_retry_after:86400", "rate_limited", True, True, "no", 429, 86400.0),
        ("500", "server_error", True, True, "no", 500, None),
        ("503_then_ok", "server_error", True, True, "no", 503, None),
        ("529", "server_error", True, True, "no", 529, None),
        ("401", "authentication", False, True, "no", 401, None),
        ("404", "not_found", False, True, "no", 404, None),
        ("400", "bad_request", False, False, "no", 400, None),
        ("422", "bad_request", False, False, "no", 422, None),
        ("redirect", "redirect", False, True, "no", 307, None),
        ("200_with_error", "malformed", False, True, "yes", None, None),
        ("malformed_json", "malformed", False, True, "yes", None, None),
        ("html_200", "malformed", False, True, "yes", None, None),
        ("wrong_type", "malformed", False, True, "yes", None, None),
        ("gzip_bomb", "malformed", False, True, "yes", None, None),
        ("cut_mid", "interrupted", True, True, "yes", None, None),
    ],
)
async def test_fault_becomes_the_error_that_says_what_to_do(
    client: HttpClient,
    openai: ProviderConfig,
    make_call: MakeCall,
    model: str,
    code: str,
    retryable: bool,
    fallback: bool,
    sent: str,
    status: int | None,
    retry_after: float | None,
) -> None:
    with pytest.raises(ProviderError) as raised:
        await adapter.complete(client, openai, make_call(model))

    error = raised.value
    assert (error.code, error.retryable, error.fallback, error.sent) == (code, retryable, fallback, sent)
    assert (error.status, error.retry_after) == (status, retry_after)
    assert "fake" in error.message
    assert KEY not in str(error)


async def test_retry_after_an_unavailable_moment_is_answered(
    client: HttpClient, openai: ProviderConfig, make_call: MakeCall
) -> None:
    with pytest.raises(ProviderError):
        await adapter.complete(client, openai, make_call("503_then_ok"))
    answer = await adapter.complete(client, openai, make_call("503_then_ok"))

    assert answer.finish_reason == "stop"


@pytest.mark.parametrize(
    ("model", "usage"),
    [
        ("missing_usage", None),
        ("zero_usage", Usage(0, 0)),
        ("negative_usage", Usage(0, 0, flags=("usage_clamped",))),
        ("nan_usage", Usage(0, 0, flags=("usage_clamped",))),
        # Every count is 2**63: ten million each, the cache writes none as all input is read from the cache.
        ("huge_usage", Usage(10_000_000, 10_000_000, 10_000_000, 0, 10_000_000, flags=("usage_clamped",))),
    ],
)
async def test_strange_usage_is_repaired_and_flagged(
    client: HttpClient, openai: ProviderConfig, make_call: MakeCall, model: str, usage: Usage | None
) -> None:
    answer = await adapter.complete(client, openai, make_call(model))

    assert answer.usage == usage
    assert answer.body["choices"][0]["message"]["content"] == f"{model}: the answer is four"


@pytest.mark.parametrize(("model", "text"), [("nul_text", "before\x00after"), ("surrogate_text", "before\ufffdafter")])
async def test_text_no_database_could_hold_still_arrives(
    client: HttpClient, openai: ProviderConfig, make_call: MakeCall, model: str, text: str
) -> None:
    answer = await adapter.complete(client, openai, make_call(model))

    assert answer.body["choices"][0]["message"]["content"] == text


async def test_compressed_bomb_costs_no_memory(client: HttpClient, openai: ProviderConfig, make_call: MakeCall) -> None:
    # The fake lives in this process too and holds 300 kB; decompressed the bomb is 300 MB.
    tracemalloc.start()
    try:
        with pytest.raises(ProviderError, match="compressed"):
            await adapter.complete(client, openai, make_call("gzip_bomb"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


async def test_redirect_is_not_followed(
    client: HttpClient, openai: ProviderConfig, upstream: FakeUpstream, make_call: MakeCall
) -> None:
    with pytest.raises(ProviderError, match="307"):
        await adapter.complete(client, openai, make_call("redirect"))

    assert [exchange.protocol for exchange in upstream.exchanges()] == ["openai"]


@pytest.mark.parametrize(("model", "sent"), [("timeout", "unknown"), ("slow_first", "unknown"), ("stall_mid", "yes")])
async def test_total_deadline_ends_the_wait(
    client: HttpClient, openai: ProviderConfig, make_call: MakeCall, model: str, sent: str
) -> None:
    config = replace(openai, deadlines=Deadlines(total=0.15))
    with pytest.raises(ProviderError) as raised:
        await adapter.complete(client, config, make_call(model))

    error = raised.value
    assert (error.code, error.retryable, error.fallback, error.sent) == ("timeout", False, True, sent)


async def test_refused_connection_was_never_sent(
    client: HttpClient, openai: ProviderConfig, make_call: MakeCall, unused_tcp_port: int
) -> None:
    config = replace(openai, base_url=f"http://127.0.0.1:{unused_tcp_port}/v1")
    with pytest.raises(ProviderError) as raised:
        await adapter.complete(client, config, make_call("ok"))

    error = raised.value
    assert (error.code, error.retryable, error.fallback, error.sent) == ("connect", True, True, "no")


async def test_plain_http_where_tls_was_expected_is_not_retried(
    client: HttpClient, openai: ProviderConfig, make_call: MakeCall
) -> None:
    config = replace(openai, base_url=openai.base_url.replace("http:", "https:"))
    with pytest.raises(ProviderError) as raised:
        await adapter.complete(client, config, make_call("ok"))

    error = raised.value
    assert (error.code, error.retryable, error.fallback, error.sent) == ("connect", False, True, "no")


@pytest.mark.parametrize("base_url", ["", "ftp://example.com", "no url at all", "http://"])
async def test_base_url_that_is_none_is_refused_unsent(
    client: HttpClient, openai: ProviderConfig, make_call: MakeCall, base_url: str
) -> None:
    with pytest.raises(ProviderError, match="base URL") as raised:
        await adapter.complete(client, replace(openai, base_url=base_url), make_call("ok"))

    assert raised.value.sent == "no"


async def test_request_that_is_no_json_is_refused_unsent(
    client: HttpClient, openai: ProviderConfig, upstream: FakeUpstream, make_call: MakeCall
) -> None:
    with pytest.raises(ProviderError, match="cannot be written as JSON") as raised:
        await adapter.complete(client, openai, make_call("ok", user="\ud800"))

    assert (raised.value.code, raised.value.sent) == ("bad_request", "no")
    assert upstream.exchanges() == []
