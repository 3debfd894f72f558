from typing import Any

import pytest

from routing.providers.anthropic_request import messages_body
from routing.providers.unmappable import Unmappable

USER = {"role": "user", "content": "Hi"}
USER_TURN = {"role": "user", "content": [{"type": "text", "text": "Hi"}]}


def _mapped(**body: Any) -> dict[str, Any]:
    return messages_body({"messages": [USER], **body}, "claude-sonnet-4-5")


def test_plain_question_needs_only_a_limit_added() -> None:
    assert _mapped() == {"model": "claude-sonnet-4-5", "max_tokens": 4096, "messages": [USER_TURN]}


def test_system_and_developer_messages_become_the_system() -> None:
    messages = [{"role": "system", "content": "Be brief."}, USER, {"role": "developer", "content": "In French."}]
    mapped = _mapped(messages=messages)

    assert mapped["system"] == [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "In French."}]
    assert mapped["messages"] == [USER_TURN]


def test_images_become_blocks_by_value_or_by_address() -> None:
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.jpg", "detail": "low"}},
    ]
    assert _mapped(messages=[{"role": "user", "content": parts}])["messages"][0]["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/cat.jpg"}},
    ]


def test_tool_calls_and_their_results_become_blocks_of_alternating_turns() -> None:
    function = {"name": "get_weather", "arguments": '{"location": "Paris"}'}
    calls = [
        {"id": "call_1", "type": "function", "function": function},
        {"id": "call_2", "type": "function", "function": {"name": "get_time", "arguments": ""}},
    ]
    messages = [
        USER,
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_1", "content": "15 degrees"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "noon"}]},
        {"role": "user", "content": "And tomorrow?"},
    ]
    assert _mapped(messages=messages)["messages"] == [
        USER_TURN,
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"location": "Paris"}},
                {"type": "tool_use", "id": "call_2", "name": "get_time", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": "15 degrees"}]},
                {"type": "tool_result", "tool_use_id": "call_2", "content": [{"type": "text", "text": "noon"}]},
                {"type": "text", "text": "And tomorrow?"},
            ],
        },
    ]


def test_neighbors_of_one_role_become_one_turn_and_empty_text_is_left_out() -> None:
    messages = [USER, {"role": "user", "content": ""}, {"role": "user", "content": "Still there?"}]

    assert _mapped(messages=messages)["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "Still there?"}]}
    ]


def test_cache_control_of_a_part_is_passed_on() -> None:
    part = {"type": "text", "text": "A long text", "cache_control": {"type": "ephemeral"}}

    assert _mapped(messages=[{"role": "system", "content": [part]}, USER])["system"] == [part]


@pytest.mark.parametrize(
    ("choice", "parallel", "mapped"),
    [
        (None, None, {"type": "auto"}),
        ("auto", True, {"type": "auto"}),
        ("none", False, {"type": "none"}),
        ("required", None, {"type": "any"}),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
        ({"type": "function", "function": {"name": "get_weather"}}, None, {"type": "tool", "name": "get_weather"}),
    ],
)
def test_tools_keep_their_schema_and_choice(choice: Any, parallel: bool | None, mapped: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
    function = {"name": "get_weather", "description": "Current weather", "parameters": schema}
    body = _mapped(
        tools=[{"type": "function", "function": function}, {"type": "function", "function": {"name": "get_time"}}],
        tool_choice=choice,
        parallel_tool_calls=parallel,
    )
    assert body["tools"] == [
        {"name": "get_weather", "description": "Current weather", "input_schema": schema},
        {"name": "get_time", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert body["tool_choice"] == mapped


@pytest.mark.parametrize(
    ("given", "mapped"),
    [
        ({"temperature": 1.7}, {"temperature": 1}),
        ({"temperature": 0.2, "top_p": 0.9}, {"temperature": 0.2}),
        ({"top_p": 0.9}, {"top_p": 0.9}),
        ({"stop": "END"}, {"stop_sequences": ["END"]}),
        ({"stop": ["a", "b"]}, {"stop_sequences": ["a", "b"]}),
        ({"max_tokens": 100}, {"max_tokens": 100}),
        ({"max_tokens": 100, "max_completion_tokens": 50}, {"max_tokens": 50}),
        ({"user": "u1"}, {"metadata": {"user_id": "u1"}}),
        ({"seed": 1, "presence_penalty": 0.5, "frequency_penalty": 0.5, "logit_bias": {}}, {}),
        ({"n": 1, "logprobs": False, "response_format": {"type": "text"}}, {}),
    ],
)
def test_parameter_is_mapped(given: dict[str, Any], mapped: dict[str, Any]) -> None:
    assert _mapped(**given) == {**_mapped(), **mapped}


def test_json_schema_becomes_a_tool_the_model_must_use() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    body = _mapped(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}})

    assert [tool["input_schema"] for tool in body["tools"]] == [schema]
    assert body["tool_choice"] == {"type": "tool", "name": "structured_answer"}


def test_callers_tools_stay_callable_beside_the_json_answer() -> None:
    tools = [{"type": "function", "function": {"name": "get_time"}}]
    body = _mapped(response_format={"type": "json_object"}, tools=tools)

    assert [tool["name"] for tool in body["tools"]] == ["get_time", "structured_answer"]
    assert body["tool_choice"] == {"type": "any"}


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "alloy"}}, "audio"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"tools": [{"type": "custom", "custom": {}}]}, "tools"),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        ({"response_format": {"type": "grammar"}}, "response_format"),
        ({"stop": ["\n"]}, "stop"),
        ({"messages": []}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": [{"role": "narrator", "content": "Hi"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}, "messages"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///a"}}]}]},
            "messages",
        ),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "not JSON"}}],
                    }
                ]
            },
            "messages",
        ),
    ],
)
def test_what_has_no_equivalent_is_refused_by_name(body: dict[str, Any], parameter: str) -> None:
    with pytest.raises(Unmappable) as raised:
        _mapped(**body)

    assert raised.value.parameter == parameter
    assert parameter in str(raised.value)
