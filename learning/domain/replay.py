"""Which conversations can be put to another model as they are."""

from collections.abc import Mapping

from routing.domain import prompt_features

_ROLES = frozenset({"system", "developer", "user", "assistant"})


def replayable_text(messages: object, *, max_characters: int) -> str | None:
    """Return the last message of the user where the whole conversation is text; None where it cannot be replayed.

    Images and tools are left out: the tools of a request are not kept with its messages, and a model without them
    would be graded for what it was not given.
    """
    if not isinstance(messages, list) or not all(_is_text(message) for message in messages):
        return None
    text = prompt_features.prompt_text(messages)
    return text if text.strip() and len(text) <= max_characters else None


def _is_text(message: object) -> bool:
    if not isinstance(message, Mapping) or message.get("role") not in _ROLES:
        return False
    if message.get("tool_calls") or message.get("function_call"):
        return False
    content = message.get("content")
    return isinstance(content, str) or (isinstance(content, list) and all(_is_text_part(part) for part in content))


def _is_text_part(part: object) -> bool:
    return isinstance(part, Mapping) and part.get("type") == "text" and isinstance(part.get("text"), str)
