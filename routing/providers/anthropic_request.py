"""An OpenAI chat-completions body as a request to Anthropic's Messages API."""

from collections.abc import Mapping
from typing import Any

from routing.providers.anthropic_messages import conversation
from routing.providers.unmappable import Unmappable

DEFAULT_MAX_TOKENS = 4096
"""The Messages API requires a limit where chat completions do not."""

JSON_TOOL = "structured_answer"
"""The tool whose input becomes the content when the caller asked for JSON.

Forcing a tool works with every Claude model, the API's own structured output only with the newer ones.
"""

_REFUSED = ("functions", "function_call", "audio", "prediction", "web_search_options", "top_logprobs")
_PASSED_ON = ("top_k", "thinking")


def messages_body(body: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Map ``body``; what only nudges sampling (penalties, ``seed``, ``logit_bias``) is left out, as in Anthropic's own
    compatible endpoint.

    Raises:
        Unmappable: a parameter whose loss would change what the caller gets; the message names it.
    """
    _refuse_unmappable(body)
    system, messages = conversation(body.get("messages"))
    mapped: dict[str, Any] = {
        "model": model,
        "max_tokens": body.get("max_completion_tokens") or body.get("max_tokens") or DEFAULT_MAX_TOKENS,
        "messages": messages,
    }
    if system:
        mapped["system"] = system
    mapped.update(_sampling(body))
    mapped.update(_tools(body))
    if isinstance(body.get("user"), str) and body["user"]:
        mapped["metadata"] = {"user_id": body["user"]}
    mapped.update({name: body[name] for name in _PASSED_ON if body.get(name) is not None})
    return mapped


def answers_in_json(body: Mapping[str, Any]) -> bool:
    return _response_schema(body) is not None


def _refuse_unmappable(body: Mapping[str, Any]) -> None:
    refused = [name for name in _REFUSED if body.get(name)]
    if body.get("n") not in (None, 1):
        refused.append("n")
    if body.get("logprobs"):
        refused.append("logprobs")
    if "audio" in (body.get("modalities") or ()):
        refused.append("modalities")
    if refused:
        raise Unmappable(refused[0])


def _sampling(body: Mapping[str, Any]) -> dict[str, Any]:
    mapped: dict[str, Any] = {}
    temperature, top_p = body.get("temperature"), body.get("top_p")
    if isinstance(temperature, int | float):
        mapped["temperature"] = min(temperature, 1)
    elif top_p is not None:
        # Newer Claude models refuse requests that give both.
        mapped["top_p"] = top_p
    stop = body.get("stop")
    sequences = [stop] if isinstance(stop, str) else list(stop or ())
    if not all(isinstance(sequence, str) and sequence.strip() for sequence in sequences):
        raise Unmappable("stop", "stop sequences must hold more than white space")
    if sequences:
        mapped["stop_sequences"] = sequences
    return mapped


def _tools(body: Mapping[str, Any]) -> dict[str, Any]:
    tools = [_tool(tool) for tool in body.get("tools") or ()]
    choice = _tool_choice(body.get("tool_choice"))
    schema = _response_schema(body)
    if schema is not None:
        # The caller's tools stay callable beside the one that takes the answer, unless the caller ruled them out.
        tools = [] if choice == {"type": "none"} else tools
        forced = {"type": "any"} if tools else {"type": "tool", "name": JSON_TOOL}
        choice = choice if choice["type"] in ("any", "tool") and tools else forced
        description = "Give the whole answer as the input of this tool, and nothing besides."
        tools.append({"name": JSON_TOOL, "description": description, "input_schema": schema})
    if not tools:
        return {}
    if body.get("parallel_tool_calls") is False and choice["type"] != "none":
        choice = {**choice, "disable_parallel_tool_use": True}
    return {"tools": tools, "tool_choice": choice}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function":
        raise Unmappable("tools", f"a tool of type {tool.get('type')!r}")
    function = tool["function"]
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    mapped = {"name": function["name"], "input_schema": schema}
    if function.get("description"):
        mapped["description"] = function["description"]
    if tool.get("cache_control"):
        mapped["cache_control"] = tool["cache_control"]
    return mapped


def _tool_choice(choice: Any) -> dict[str, Any]:
    match choice:
        case None | "auto":
            return {"type": "auto"}
        case "none":
            return {"type": "none"}
        case "required":
            return {"type": "any"}
        case {"type": "function", "function": {"name": str(name)}}:
            return {"type": "tool", "name": name}
        case _:
            raise Unmappable("tool_choice")


def _response_schema(body: Mapping[str, Any]) -> dict[str, Any] | None:
    match body.get("response_format"):
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return {"type": "object", "additionalProperties": True}
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            return schema
        case _:
            raise Unmappable("response_format")
