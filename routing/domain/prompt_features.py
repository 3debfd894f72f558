"""What the router reads from the body of a chat completion."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from routing.domain import complexity, patterns, text_reading, tokens
from routing.domain.prompt import PromptFeatures
from routing.domain.text_reading import TextReading
from routing.domain.text_window import HEAD_CHARACTERS, TAIL_CHARACTERS

# The share of the difference by which a harder conversation raises the score of an easy last message: "and now in
# Rust" after a long design is harder than it looks, "thanks" is not as hard as the design was.
CONTEXT_WEIGHT = 0.3
# No provider grants more; larger wishes count as these, so that a reservation stays within the ledger's range.
LARGEST_OUTPUT_LIMIT = 10_000_000
MOST_CHOICES = 1_000
_WINDOW = HEAD_CHARACTERS + TAIL_CHARACTERS
# A team's requests mostly begin with one of a few system prompts; those of this length at most are remembered.
_REMEMBERED_CHARACTERS = 4_000
_STRUCTURED = frozenset({"json_object", "json_schema"})


def extract(body: Mapping[str, Any], *, task: str | None) -> PromptFeatures:
    """Describe a request whose ``messages`` are known to be a list of objects.

    The last message of the user decides the pattern. Its complexity is raised by what precedes it, where that is
    harder. Fields of an unexpected type count as absent; refusing them is left to the provider.

    Raises:
        canonical_json.TooDeeplyNested: A field is nested too deeply to be a sensible request.
    """
    messages: Sequence[Mapping[str, Any]] = body["messages"]
    tools = _list(body.get("tools")) + _list(body.get("functions"))
    prompt, context = _prompt_and_context(messages)
    reading = text_reading.read(prompt)
    score = _complexity(reading, context, messages, has_tools=bool(tools))
    return PromptFeatures(
        pattern=patterns.classify_reading(reading),
        complexity_score=score,
        tier=complexity.tier(score),
        input_tokens=tokens.count_message_tokens(messages, tools),
        max_output_tokens=_output_limit(body),
        task=task,
        needs_tools=bool(tools),
        needs_images=any(_has_image(message) for message in messages),
        needs_json=_wants_json(body.get("response_format")),
    )


def prompt_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of the last message of the user, empty where there is none."""
    for message in reversed(messages):
        if message.get("role") == "user":
            return "\n".join(_texts(message))
    return ""


def turns(messages: Sequence[Mapping[str, Any]]) -> int:
    """Count the messages of the user, the last one included."""
    return sum(message.get("role") == "user" for message in messages)


def choices(body: Mapping[str, Any]) -> int:
    """Return how many answers are asked for (``n``), each of which is billed as output; 1 to 1,000."""
    return min(_positive(body.get("n")) or 1, MOST_CHOICES)


def _output_limit(body: Mapping[str, Any]) -> int | None:
    limit = _positive(body.get("max_completion_tokens")) or _positive(body.get("max_tokens"))
    return None if limit is None else min(limit, LARGEST_OUTPUT_LIMIT)


def _complexity(reading: TextReading, context: str, messages: Sequence[Mapping[str, Any]], *, has_tools: bool) -> float:
    own = complexity.score_of(reading, turns=turns(messages), has_tools=has_tools)
    if not context:
        return own
    of_context = _score_of_short if len(context) <= _REMEMBERED_CHARACTERS else complexity.score
    raised = CONTEXT_WEIGHT * max(0.0, of_context(context) - own)
    return round(own + raised, 4)


@lru_cache(maxsize=256)
def _score_of_short(context: str) -> float:
    return complexity.score(context)


def _prompt_and_context(messages: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Return the last user message, and the newest of everything else, as much as a window holds."""
    prompt: str | None = None
    context: list[str] = []
    room = _WINDOW
    for message in reversed(messages):
        if prompt is None and message.get("role") == "user":
            prompt = "\n".join(_texts(message))
        elif room > 0:
            text = "\n".join(_texts(message))[-room:]
            room -= len(text)
            context.append(text)
    context.reverse()
    return prompt or "", "\n".join(context)


def _texts(message: Mapping[str, Any]) -> Iterator[str]:
    content = message.get("content")
    if isinstance(content, str):
        yield content
    for part in _list(content):
        if isinstance(part, Mapping) and isinstance(text := part.get("text"), str):
            yield text


def _has_image(message: Mapping[str, Any]) -> bool:
    return any(isinstance(part, Mapping) and part.get("type") == "image_url" for part in _list(message.get("content")))


def _wants_json(response_format: Any) -> bool:
    # The type of a hostile body may be an unhashable value.
    kind = response_format.get("type") if isinstance(response_format, Mapping) else None
    return isinstance(kind, str) and kind in _STRUCTURED


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _positive(value: Any) -> int | None:
    # JSON's true is an int in Python and no number of tokens.
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
