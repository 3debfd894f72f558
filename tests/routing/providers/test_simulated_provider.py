import orjson
import pytest

from routing.domain.usage import Usage
from routing.providers.base import ProviderConfig
from routing.providers.http_client import HttpClient
from routing.providers.simulated import Simulated
from routing.providers.simulated_json import smallest_instance
from tests.routing.providers.conftest import MakeCall
from tests.routing.providers.streams import chunks_in, content_of, passed_on

adapter = Simulated()
CONFIG = ProviderConfig("simulated", "simulated", "")
LABEL = "This is a simulated answer: no language model was asked."


async def test_answer_says_that_it_is_simulated(client: HttpClient, make_call: MakeCall) -> None:
    answer = await adapter.complete(client, CONFIG, make_call("simulated"))

    assert answer.body["simulated"] is True
    assert answer.body["choices"][0]["message"]["content"].startswith(LABEL)
    assert answer.finish_reason == "stop"


async def test_same_prompt_gets_the_same_answer_and_another_prompt_another(
    client: HttpClient, make_call: MakeCall
) -> None:
    first = await adapter.complete(client, CONFIG, make_call("simulated", "one"))
    again = await adapter.complete(client, CONFIG, make_call("simulated", "one"))
    other = await adapter.complete(client, CONFIG, make_call("simulated", "two"))

    assert first.body["choices"] == again.body["choices"]
    assert first.body["choices"] != other.body["choices"]


async def test_max_tokens_cuts_the_answer(client: HttpClient, make_call: MakeCall) -> None:
    answer = await adapter.complete(client, CONFIG, make_call("simulated", "one", max_tokens=5))

    # Four bytes a token.
    assert answer.body["choices"][0]["message"]["content"] == LABEL[:20]
    # [{"role":"user","content":"one"}] is 33 bytes long.
    assert answer.usage == Usage(input_tokens=9, output_tokens=5)
    assert answer.finish_reason == "length"


async def test_stop_sequence_ends_the_answer(client: HttpClient, make_call: MakeCall) -> None:
    answer = await adapter.complete(client, CONFIG, make_call("simulated", stop=["language"]))

    assert answer.body["choices"][0]["message"]["content"] == "This is a simulated answer: no "
    assert answer.finish_reason == "stop"


async def test_stream_says_the_same_in_about_ten_pieces(client: HttpClient, make_call: MakeCall) -> None:
    whole = await adapter.complete(client, CONFIG, make_call("simulated", n=2))
    stream = await adapter.stream(client, CONFIG, make_call("simulated", n=2))
    events = await passed_on(stream)
    await stream.aclose()

    chunks = chunks_in(events)
    assert 10 <= len(chunks) <= 11
    assert all(chunk["simulated"] for chunk in chunks)
    # Two choices, each with the whole text.
    assert len(content_of(events)) == 2 * len(whole.body["choices"][0]["message"]["content"])
    assert stream.end is not None
    assert stream.end.usage == whole.usage
    assert [choice["finish_reason"] for choice in stream.end.final_chunk["choices"]] == ["stop", "stop"]


@pytest.mark.parametrize(
    ("response_format", "value"),
    [
        ({"type": "json_object"}, {"simulated": True, "note": LABEL}),
        (
            {
                "type": "json_schema",
                "json_schema": {"schema": {"type": "object", "properties": {"n": {"type": "integer"}}}},
            },
            {"n": 0},
        ),
    ],
)
async def test_json_is_given_where_json_was_asked_for(
    client: HttpClient, make_call: MakeCall, response_format: object, value: object
) -> None:
    answer = await adapter.complete(client, CONFIG, make_call("simulated", response_format=response_format))

    assert orjson.loads(answer.body["choices"][0]["message"]["content"]) == value


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"const": 3}, 3),
        ({"enum": ["red", "green"]}, "red"),
        ({"type": "string"}, "simulated"),
        ({"type": "string", "minLength": 12}, "simulated..."),
        ({"type": "number", "minimum": 2}, 2),
        ({"type": "boolean"}, False),
        ({"type": ["string", "null"]}, None),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [0, 0]),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, None),
        ({"type": "object", "properties": {"a": {"type": "null"}, "b": {}}, "required": ["a"]}, {"a": None}),
        ({"$ref": "#/$defs/Name", "$defs": {"Name": {"type": "string"}}}, "simulated"),
        ({"$ref": "#/$defs/Missing"}, None),
        (
            {
                "type": "object",
                "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}, "id": {"type": "integer"}},
            },
            {"next": None, "id": 0},
        ),
    ],
)
def test_smallest_instance_fits_the_schema(schema: dict[str, object], value: object) -> None:
    assert smallest_instance(schema) == value


def test_schema_that_contains_itself_ends() -> None:
    schema = {"type": "object", "properties": {"again": {"$ref": "#"}}}

    assert orjson.dumps(smallest_instance(schema)).endswith(b'{"again":null}' + b"}" * 8)
