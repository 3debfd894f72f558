"""Which model of the catalog a log may mean: logs name vendors, regions, dates and deployments as well."""

import re
from collections.abc import Iterator

# Provider in LiteLLM's words → the slugs of ours that sell the same models, the likeliest first.
_SOLD_BY = {
    "openai": ("openai",),
    "text-completion-openai": ("openai",),
    "azure": ("openai",),
    "azure_ai": ("openai",),
    "anthropic": ("claude",),
    "gemini": ("gemini",),
    "vertex_ai": ("gemini", "claude"),
    "vertex_ai_beta": ("gemini", "claude"),
    "vertex_ai-anthropic_models": ("claude",),
    "bedrock": ("claude",),
    "bedrock_converse": ("claude",),
    "openrouter": ("openrouter",),
    "cerebras": ("cerebras",),
}
_ANYBODY = ("openai", "claude", "gemini", "cerebras")
# Bedrock writes us.anthropic.claude-sonnet-4-5-20250929-v1:0, Vertex claude-sonnet-4-5@20250929.
_BEDROCK = re.compile(r"^(?:[a-z]{2,6}\.)?anthropic\.|-v\d+(?::\d+)?$")
_DATE = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{8})$")


def readings(provider: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield pairs of a provider's slug and a model's name, the likeliest first.

    Args:
        provider: As the log names it, empty where it does not.
        name: As the log names it, possibly with the provider in front.
    """
    if not name:
        return
    front, _, rest = name.partition("/")
    if front in _SOLD_BY and rest:
        provider, name = front, rest
    for slug in _SOLD_BY.get(provider, (provider,) if provider else _ANYBODY):
        for spelling in dict.fromkeys(_spellings(slug, name)):
            yield slug, spelling


def _spellings(slug: str, name: str) -> Iterator[str]:
    yield name
    # OpenRouter's names are vendor/model; of all others what stands in front is a region or a project.
    bare = name if slug == "openrouter" else name.rpartition("/")[2]
    bare = _BEDROCK.sub("", bare) if slug == "claude" else bare
    yield bare
    yield bare.replace("@", "-")
    yield _DATE.sub("", bare)
