import pytest

from routing.domain.usage import Usage
from routing.providers.anthropic import Anthropic
from routing.providers.base import ProviderConfig, ProviderError
from routing.providers.http_client import HttpClient
from tests.fake_upstream.running import FakeUpstream
from tests.routing.providers.conftest import KEY, MakeCall
from tests.routing.providers.streams import content_of, passed_on

adapter = Anthropic()
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


async def test_answer_and_its_books_agree(
    client: HttpClient, claude: ProviderConfig, upstream: FakeUpstream, make_call: MakeCall
) -> None:
    answer = await adapter.complete(client, claude, make_call("details", max_tokens=3))

    assert answer.body["choices"][0]["message"]["content"] == "details: the answer"
    # 20 characters of prompt at four a token, half of them cached; three words.
    assert answer.usage == Usage(input_tokens=5, output_tokens=3, cached_input_tokens=2)
    assert answer.finish_reason == "length"
    (exchange,) = upstream.exchanges()
    assert (exchange.attempt_id, exchange.protocol, exchange.key_tail) == ("attempt-1", "anthropic", "cdef")
    assert (exchange.prompt_tokens, exchange.completion_tokens, exchange.cached_tokens) == (5, 3, 2)


@pytest.mark.parametrize("model", ["ok", "dup_done", "no_done", "crlf", "keep_alive", "slow_ok_20"])
async def test_stream_says_the_same_as_the_whole_answer(
    client: HttpClient, claude: ProviderConfig, make_call: MakeCall, model: str
) -> None:
    stream = await adapter.stream(client, claude, make_call(model))
    events = await passed_on(stream)
    await stream.aclose()

    assert content_of(events) == f"{model}: the answer is four"
    assert stream.end is not None
    assert (stream.end.usage, stream.end.finish_reason) == (Usage(5, 5), "stop")


async def test_structured_answer_arrives_as_content(
    client: HttpClient, claude: ProviderConfig, make_call: MakeCall
) -> None:
    response_format = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA}}
    call = make_call("json", response_format=response_format)
    answer = await adapter.complete(client, claude, call)
    stream = await adapter.stream(client, claude, call)
    events = await passed_on(stream)
    await stream.aclose()

    assert answer.body["choices"][0]["message"]["content"] == '{"city":"value"}'
    assert answer.finish_reason == "stop"
    assert content_of(events) == '{"city": "value"}'


async def test_tool_is_called(client: HttpClient, claude: ProviderConfig, make_call: MakeCall) -> None:
    tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    answer = await adapter.complete(client, claude, make_call("tools", tools=tools))

    function = answer.body["choices"][0]["message"]["tool_calls"][0]["function"]
    assert function == {"name": "weather", "arguments": '{"city":"value"}'}


async def test_parameter_without_equivalent_is_refused_unsent(
    client: HttpClient, claude: ProviderConfig, upstream: FakeUpstream, make_call: MakeCall
) -> None:
    with pytest.raises(ProviderError, match="logprobs") as raised:
        await adapter.complete(client, claude, make_call("ok", logprobs=True))

    error = raised.value
    assert (error.code, error.retryable, error.fallback, error.sent) == ("bad_request", False, True, "no")
    assert upstream.exchanges() == []


@pytest.mark.parametrize("tools", [[{"type": "function"}], [1], "weather"])
async def test_shape_nobody_foresaw_is_refused_unsent(
    client: HttpClient, claude: ProviderConfig, make_call: MakeCall, tools: object
) -> None:
    with pytest.raises(ProviderError) as raised:
        await adapter.complete(client, claude, make_call("ok", tools=tools))

    assert (raised.value.code, raised.value.sent) == ("bad_request", "no")


@pytest.mark.parametrize(
    ("model", "code", "retryable", "sent"),
    [
        ("429", "rate_limited", True, "no"),
        ("529", "server_error", True, "no"),
        ("401", "authentication", False, "no"),
        ("redirect", "redirect", False, "no"),
        ("html_200", "malformed", False, "yes"),
        ("malformed_json", "malformed", False, "yes"),
        ("200_with_error", "malformed", False, "yes"),
        ("wrong_type", "malformed", False, "yes"),
        ("gzip_bomb", "malformed", False, "yes"),
    ],
)
@pytest.mark.parametrize("method", [adapter.complete, adapter.stream], ids=["complete", "stream"])
async def test_fault_before_the_answer_leaves_room_for_another_model(
    client: HttpClient,
    claude: ProviderConfig,
    make_call: MakeCall,
    method: object,
    model: str,
    code: str,
    retryable: bool,
    sent: str,
) -> None:
    with pytest.raises(ProviderError) as raised:
        await method(client, claude, make_call(model))  # type: ignore[operator]

    error = raised.value
    assert (error.code, error.retryable, error.fallback, error.sent) == (code, retryable, True, sent)
    assert KEY not in str(error)


@pytest.mark.parametrize(
    ("model", "code"), [("error_event_mid", "interrupted"), ("cut_mid", "interrupted"), ("10mb_line", "too_large")]
)
async def test_fault_in_the_middle_never_looks_complete(
    client: HttpClient, claude: ProviderConfig, make_call: MakeCall, model: str, code: str
) -> None:
    stream = await adapter.stream(client, claude, make_call(model))
    with pytest.raises(ProviderError) as raised:
        await passed_on(stream)
    await stream.aclose()

    assert (raised.value.code, raised.value.fallback, raised.value.sent) == (code, False, "yes")
    assert stream.end is None
