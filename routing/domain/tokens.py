"""Token counts, for choosing a model and reserving a budget; bills come from the provider's own figures.

The counts lean upward, because a budget reserved too low is overspent while one reserved too high is given back.
"""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from splintr import AnyTokenizer, Tokenizer

from routing.domain import canonical_json

# Texts above this length are sampled: this many characters in as many equal parts are counted.
EXACT_CHARACTERS = 100_000
_SAMPLES = 50

# The largest count for one image at full detail among the providers' published rules: Claude bills up to about 1,600,
# OpenAI's tile rule 85 + 6 x 170 = 1,105, Gemini less.
IMAGE_TOKENS = 1_600
# Audio and files arrive as base64: compressed speech has some 500 characters a token, a text-heavy PDF some 100.
_ATTACHMENT_CHARACTERS_PER_TOKEN = 100

# OpenAI adds 3 tokens around each message, 1 for a name and 3 before the answer; other formats add up to 4 and a start.
MESSAGE_TOKENS = 4
CONVERSATION_TOKENS = 3
# With tools, Anthropic adds a system prompt of 313 to 346 tokens; others add a few to each tool.
TOOLS_TOKENS = 346
TOOL_TOKENS = 8

_IMAGE_PARTS = ("image_url", "image", "input_image")
_ATTACHMENT_PARTS = ("input_audio", "audio", "file", "input_file", "document", "video_url")


class _Family(NamedTuple):
    """How a family of models counts.

    ``percent_of_default`` bounds its count of ordinary prose and code relative to the default vocabulary, from counts
    of the same English, German, code and JSON texts in both. ``margin_percent`` is added to ``vocabulary``'s own count
    where the family's tokenizer is not published.
    """

    fragment: str
    vocabulary: str
    percent_of_default: int
    margin_percent: int = 100


_DEFAULT = _Family("", "o200k_base", 100)
# The first family whose fragment occurs in the model's name wins, so derived models stand before what they derive from.
_FAMILIES = (
    _Family("claude", "o200k_base", 135, margin_percent=135),
    _Family("gpt-4o", "o200k_base", 100),
    _Family("gpt-4.1", "o200k_base", 100),
    _Family("gpt-4.5", "o200k_base", 100),
    _Family("gpt-4", "cl100k_base", 135),
    _Family("gpt-3.5", "cl100k_base", 135),
    _Family("deepseek", "deepseek_v3", 130),
    _Family("gemini", "gemma3", 125),
    _Family("gemma", "gemma3", 125),
    _Family("llama", "llama3", 135),
    _Family("qwen", "qwen3", 135),
    _Family("mistral", "mistral_v3", 120),
    _Family("glm", "glm4", 125),
    _Family("kimi", "kimi_k2", 140),
)


def count(text: str, model: str = "") -> int:
    """Count the tokens of a text, by the vocabulary of the model's family or o200k where that is unknown.

    Above 100,000 characters fifty samples spread evenly over the text stand for their surroundings in proportion to
    UTF-8 bytes, rounded up, so the cost is bounded. Never raises: lone surrogates count as question marks.
    """
    family = _family(model)
    encoder = _vocabulary(family.vocabulary)
    tokens = _count_exactly(encoder, text) if len(text) <= EXACT_CHARACTERS else _count_sampled(encoder, text)
    return _percent(tokens, family.margin_percent)


def for_model(default_tokens: int, model: str) -> int:
    """Convert a count in the default vocabulary to an upper estimate for a model, without the text.

    The bound holds for prose in Latin script, code and JSON; other scripts may exceed it in small vocabularies.
    """
    return _percent(default_tokens, _family(model).percent_of_default)


def count_message_tokens(messages: Sequence[Mapping[str, Any]], tools: Sequence[Any] | None = None) -> int:
    """Count a conversation in the default vocabulary, with the overhead of its messages, tools and images.

    An image counts ``IMAGE_TOKENS``, whatever its size, and base64 attachments one token for 100 characters (an
    image's worth at least), because neither can be measured without decoding it.

    Raises:
        canonical_json.TooDeeplyNested: A field is nested too deeply to be a sensible request.
    """
    texts: list[str] = []
    flat = CONVERSATION_TOKENS + MESSAGE_TOKENS * len(messages)
    for message in messages:
        flat += _collect_message(message, texts)
    if tools:
        texts.append(_json_text(tools))
        flat += TOOLS_TOKENS + TOOL_TOKENS * len(tools)
    # One pass over the joined text costs far less than one per message, and bounds the whole like a single text.
    return flat + count("\n".join(texts))


@cache
def _vocabulary(name: str) -> AnyTokenizer:
    return Tokenizer.from_pretrained(name)


@lru_cache(maxsize=4096)
def _family(model: str) -> _Family:
    name = model.casefold()
    return next((family for family in _FAMILIES if family.fragment in name), _DEFAULT)


def _percent(tokens: int, percent: int) -> int:
    return -(-tokens * percent // 100)


def _count_exactly(encoder: AnyTokenizer, text: str) -> int:
    try:
        return len(encoder.encode_ordinary(text))
    except UnicodeEncodeError:
        return len(encoder.encode_ordinary(text.encode("utf-8", "replace").decode()))


def _count_sampled(encoder: AnyTokenizer, text: str) -> int:
    tokens = 0
    sample_length = EXACT_CHARACTERS // _SAMPLES
    for index in range(_SAMPLES):
        part = text[index * len(text) // _SAMPLES : (index + 1) * len(text) // _SAMPLES]
        sample = part[:sample_length]
        sampled_bytes = len(sample.encode("utf-8", "replace"))
        part_bytes = len(part.encode("utf-8", "replace"))
        tokens += -(-_count_exactly(encoder, sample) * part_bytes // sampled_bytes)
    return tokens


def _collect_message(message: Mapping[str, Any], texts: list[str]) -> int:
    """Append a message's texts, and return the tokens of what is not text."""
    flat = 0
    for field, value in message.items():
        if field == "role" or value is None:
            continue
        if isinstance(value, str):
            texts.append(value)
        elif field == "content" and isinstance(value, list):
            flat += sum(_collect_part(part, texts) for part in value)
        else:
            texts.append(_json_text(value))
    return flat


def _collect_part(part: Any, texts: list[str]) -> int:
    if not isinstance(part, Mapping):
        texts.append(_json_text(part))
        return 0
    kind = part.get("type")
    if kind in _IMAGE_PARTS:
        return IMAGE_TOKENS
    if kind in _ATTACHMENT_PARTS:
        return max(IMAGE_TOKENS, len(_json_text(part)) // _ATTACHMENT_CHARACTERS_PER_TOKEN)
    text = part.get("text")
    texts.append(text if kind == "text" and isinstance(text, str) else _json_text(part))
    return 0


def _json_text(value: Any) -> str:
    return canonical_json.encode(value).decode("utf-8")
