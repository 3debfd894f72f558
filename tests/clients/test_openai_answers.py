"""The official client gets what the OpenAI API would give it, and the cost on top."""

from decimal import Decimal
from typing import Any

import openai
from openai.types.chat import ChatCompletionToolParam
from pydantic import BaseModel

from routing.models import LedgerEntry
from tests.clients.conftest import Connect
from tests.flow.client import World

QUESTION = "Why is the sky blue?"
MESSAGES: Any = [{"role": "user", "content": QUESTION}]
# The fake provider's answer begins with the model's name; 20 characters are 5 tokens in, 22 words are 22 tokens out.
ANSWER = (
    "ok: This is what a helpful model might write when it is asked a question that takes about twenty words to answer"
)
# 5 x 1,000 + 22 x 2,000 nano-dollars.
COST_USD = Decimal("0.000049")
WEATHER_TOOL: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Today's weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def function_calls(answer: Any) -> list[Any]:
    return [call for call in answer.choices[0].message.tool_calls if call.type == "function"]


def test_answer_carries_usage_and_cost(world: World, connect: Connect) -> None:
    model = world.model()
    client = connect()

    answer = client.chat.completions.create(model=model, messages=MESSAGES)

    assert answer.object == "chat.completion"
    assert answer.choices[0].message.content == ANSWER
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (5, 22, 27)
    assert answer.usage.model_extra is not None
    assert answer.usage.model_extra["cost_usd"] == float(COST_USD)


def test_stream_that_did_not_ask_for_usage_has_a_choice_in_every_chunk(world: World, connect: Connect) -> None:
    model = world.model()
    client = connect()

    with client.chat.completions.create(model=model, messages=MESSAGES, stream=True) as stream:
        chunks = list(stream)

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ANSWER
    assert [chunk.choices[0].finish_reason for chunk in chunks[-2:]] == [None, "stop"]
    usage: Any = chunks[-1].usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cost_usd) == (5, 22, float(COST_USD))


def test_stream_that_asked_for_usage_gets_it_on_a_chunk_of_its_own(world: World, connect: Connect) -> None:
    model = world.model()
    client = connect()

    with client.chat.completions.create(
        model=model, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == ANSWER
    assert {chunk.usage for chunk in chunks[:-1]} == {None}
    assert chunks[-1].choices == []
    usage: Any = chunks[-1].usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cost_usd) == (5, 22, float(COST_USD))


def test_cost_is_the_same_in_headers_body_and_ledger(world: World, connect: Connect) -> None:
    model = world.model()
    client = connect()

    raw = client.chat.completions.with_raw_response.create(model=model, messages=MESSAGES)

    entry = LedgerEntry.objects.get()
    assert raw.headers["x-optimizer-cost-usd"] == f"{COST_USD:f}"
    assert b'"cost_usd":0.000049,' in raw.http_response.content
    assert (entry.cost_nano_usd, entry.baseline_cost_nano_usd, entry.savings_nano_usd) == (49_000, 49_000, 0)


def test_headers_say_how_the_request_was_served(world: World, connect: Connect) -> None:
    provider = world.provider(slug="fake")
    model = world.model(provider=provider)
    client = connect()

    raw = client.chat.completions.with_raw_response.create(model=model, messages=MESSAGES)

    ours = {name: value for name, value in raw.headers.items() if name.startswith("x-")}
    overhead_ms = float(ours.pop("x-optimizer-overhead-ms"))
    token = ours.pop("x-optimizer-feedback-token")
    assert ours == {
        "x-request-id": str(LedgerEntry.objects.get().request_id),
        "x-optimizer-model": "ok",
        "x-optimizer-provider": "fake",
        "x-optimizer-strategy": "named",
        "x-optimizer-pattern": "explanation",
        "x-optimizer-cache": "miss",
        "x-optimizer-attempts": "1",
        "x-optimizer-baseline-model": "fake/ok",
        "x-optimizer-cost-usd": "0.000049",
        "x-optimizer-baseline-cost-usd": "0.000049",
        "x-optimizer-savings-usd": "0",
        "x-content-type-options": "nosniff",
    }
    assert 0 < overhead_ms < 5_000
    assert len(token) == 60


def test_headers_of_a_stream_hold_what_is_known_before_its_end(world: World, connect: Connect) -> None:
    world.model(is_routable=True)
    client = connect()

    with client.chat.completions.with_streaming_response.create(
        model="auto", messages=MESSAGES, stream=True
    ) as response:
        ours = {name for name in response.headers if name.startswith("x-")}
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.read().endswith(b"data: [DONE]\n\n")

    assert ours == {
        "x-request-id",
        "x-accel-buffering",
        "x-content-type-options",
        *(f"x-optimizer-{name}" for name in ("model", "provider", "strategy", "pattern", "confidence", "cache")),
        *(f"x-optimizer-{name}" for name in ("attempts", "baseline-model", "feedback-token")),
    }


def test_tool_call_and_its_result_make_the_round(world: World, connect: Connect) -> None:
    model = world.model("tools")
    client = connect()

    asked = client.chat.completions.create(model=model, messages=MESSAGES, tools=[WEATHER_TOOL])
    [call] = function_calls(asked)
    result: Any = {"role": "tool", "tool_call_id": call.id, "content": '{"sky": "blue"}'}
    said: Any = asked.choices[0].message.model_dump()
    answer = client.chat.completions.create(model=model, messages=[*MESSAGES, said, result], tools=[WEATHER_TOOL])

    assert asked.choices[0].finish_reason == "tool_calls"
    assert (call.type, call.function.name, call.function.arguments) == ("function", "weather", '{"city": "value"}')
    assert answer.choices[0].message.content == ANSWER.replace("ok", "tools", 1)
    received = world.upstream.bodies[-1]["messages"]
    assert received[1]["tool_calls"][0]["id"] == call.id
    assert received[2] == result


def test_streamed_tool_call_is_put_together_by_the_client(world: World, connect: Connect) -> None:
    model = world.model("tools")
    client = connect()

    with client.chat.completions.stream(model=model, messages=MESSAGES, tools=[WEATHER_TOOL]) as stream:
        answer = stream.get_final_completion()

    [call] = function_calls(answer)
    assert (call.function.name, call.function.arguments) == ("weather", '{"city": "value"}')
    assert answer.choices[0].finish_reason == "tool_calls"


def test_structured_output_is_parsed_into_the_model_of_the_caller(world: World, connect: Connect) -> None:
    class Forecast(BaseModel):
        city: str
        degrees: int
        is_raining: bool

    model = world.model("json")
    client = connect()

    answer = client.chat.completions.parse(model=model, messages=MESSAGES, response_format=Forecast)

    assert answer.choices[0].message.parsed == Forecast(city="value", degrees=1, is_raining=True)
    assert world.upstream.bodies[-1]["response_format"]["json_schema"]["name"] == "Forecast"


def test_images_and_parameters_reach_the_provider_unchanged(world: World, connect: Connect) -> None:
    model = world.model()
    pixel = "data:image/png;base64,iVBORw0KGgo="
    content: Any = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": pixel}}]
    client = connect()

    client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": content}],
        stop=["END"],
        seed=7,
        logprobs=True,
        temperature=0.5,
        user="user-1",
        metadata={"project": "apollo"},
        extra_body={"a_field_of_tomorrow": {"x": [1, None]}},
    )

    received = world.upstream.bodies[-1]
    assert received == {
        "model": "ok",
        "messages": [{"role": "user", "content": content}],
        "stop": ["END"],
        "seed": 7,
        "logprobs": True,
        "temperature": 0.5,
        "user": "user-1",
        "metadata": {"project": "apollo"},
        "a_field_of_tomorrow": {"x": [1, None]},
    }


def test_several_answers_of_one_request_are_all_billed(world: World, connect: Connect) -> None:
    model = world.model()
    client = connect()

    answer = client.chat.completions.create(model=model, messages=MESSAGES, n=2)

    assert [choice.message.content for choice in answer.choices] == [ANSWER, ANSWER]
    # 5 x 1,000 + 2 x 22 x 2,000 nano-dollars.
    assert LedgerEntry.objects.get().cost_nano_usd == 93_000


def test_streamed_answers_of_one_request_keep_apart(world: World, connect: Connect) -> None:
    model = world.model()
    client = connect()

    texts = {0: "", 1: ""}
    with client.chat.completions.create(model=model, messages=MESSAGES, n=2, stream=True) as stream:
        for chunk in stream:
            for choice in chunk.choices:
                texts[choice.index] += choice.delta.content or ""

    assert texts == {0: ANSWER, 1: ANSWER}


def test_catalog_lists_the_automatic_names_and_the_priced_models(world: World, connect: Connect) -> None:
    model = world.model()
    world.unpriced_model("echo")
    client = connect()

    listed = [found.id for found in client.models.list()]

    assert listed == ["auto", "auto:complexity", "auto:learning", "auto:hybrid", model]
    assert client.models.retrieve(model).id == model


async def test_async_client_gets_the_same(world: World) -> None:
    model = world.model()
    caller = world.caller()

    async with openai.AsyncOpenAI(base_url=f"{caller.gateway.url}/v1", api_key=caller.secret) as client:
        answer = await client.chat.completions.create(model=model, messages=MESSAGES)
        async with await client.chat.completions.create(model=model, messages=MESSAGES, stream=True) as stream:
            streamed = [chunk.choices[0].delta.content or "" async for chunk in stream]

    assert answer.choices[0].message.content == ANSWER
    assert "".join(streamed) == ANSWER
