"""Which adapter speaks a provider's protocol, and the providers the product knows from the start."""

from collections.abc import Mapping
from dataclasses import dataclass

from routing.providers.anthropic import Anthropic
from routing.providers.base import Provider
from routing.providers.openai_compatible import OpenAICompatible
from routing.providers.simulated import Simulated

ADAPTERS: Mapping[str, Provider] = {
    "openai_compatible": OpenAICompatible(),
    "anthropic": Anthropic(),
    "simulated": Simulated(),
}


@dataclass(frozen=True, slots=True)
class BuiltinProvider:
    """A provider that is route-able as soon as one of its ``key_variables`` is set; lower ``priority`` goes first."""

    slug: str
    name: str
    kind: str
    base_url: str
    key_variables: tuple[str, ...]
    priority: int


BUILTIN_PROVIDERS: Mapping[str, BuiltinProvider] = {
    provider.slug: provider
    for provider in (
        BuiltinProvider(
            "gemini",
            "Google Gemini",
            "openai_compatible",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
            10,
        ),
        BuiltinProvider(
            "claude", "Anthropic Claude", "anthropic", "https://api.anthropic.com", ("ANTHROPIC_API_KEY",), 20
        ),
        BuiltinProvider("openai", "OpenAI", "openai_compatible", "https://api.openai.com/v1", ("OPENAI_API_KEY",), 30),
        BuiltinProvider(
            "cerebras", "Cerebras", "openai_compatible", "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",), 40
        ),
        BuiltinProvider(
            "openrouter",
            "OpenRouter",
            "openai_compatible",
            "https://openrouter.ai/api/v1",
            ("OPENROUTER_API_KEY",),
            50,
        ),
    )
}


def environment_key(slug: str, environ: Mapping[str, str]) -> str | None:
    """Return the key of a built-in provider from its variables, None when none of them holds anything.

    The key is meant for that provider's own ``base_url``; send it nowhere else.
    """
    builtin = BUILTIN_PROVIDERS.get(slug)
    names = builtin.key_variables if builtin else ()
    return next((key for name in names if (key := environ.get(name, "").strip())), None)
