import logging

import pytest
from yarl import URL

from routing.providers import origins
from routing.providers.base import ProviderConfig, ProviderError
from routing.providers.http_client import HttpClient
from routing.providers.registry import ADAPTERS, BUILTIN_PROVIDERS, environment_key
from tests.fake_upstream.faults import FAULTS
from tests.fake_upstream.running import FakeUpstream
from tests.routing.providers.conftest import KEY, MakeCall

HANGING = ("timeout", "slow_first", "slow_chunk", "stall_mid")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.acme.example/v1/chat/completions",
        "https://api.acme.example:8443/v1/chat/completions",
        "https://acme.example/v1/chat/completions",
        "https://api.acme.example.evil.example/v1/chat/completions",
        "https://api.acme.example@evil.example/v1/chat/completions",
    ],
)
def test_key_is_not_given_for_another_origin(url: str) -> None:
    config = ProviderConfig("acme", "openai_compatible", "https://api.acme.example/v1", KEY)
    with pytest.raises(ProviderError) as raised:
        origins.key_for(config, URL(url))

    assert (raised.value.code, raised.value.sent) == ("authentication", "no")
    assert KEY not in str(raised.value)


def test_key_is_given_for_its_own_origin() -> None:
    config = ProviderConfig("acme", "openai_compatible", "https://api.acme.example/v1/", KEY)
    url = origins.endpoint(config.base_url, "/chat/completions")

    assert str(url) == "https://api.acme.example/v1/chat/completions"
    assert origins.key_for(config, url) == KEY


def test_key_is_not_shown_by_the_configuration() -> None:
    assert KEY not in repr(ProviderConfig("acme", "openai_compatible", "https://api.acme.example/v1", KEY))


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in HANGING])
@pytest.mark.parametrize("kind", ["openai_compatible", "anthropic"])
async def test_key_leaks_into_no_log_error_or_answer(
    client: HttpClient,
    upstream: FakeUpstream,
    make_call: MakeCall,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    fault: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    base_url = {"openai_compatible": upstream.base_url, "anthropic": upstream.origin}[kind]
    config = ProviderConfig("fake", kind, base_url, KEY)
    try:
        shown = repr(await ADAPTERS[kind].complete(client, config, make_call(fault)))
    except ProviderError as exc:
        shown = f"{exc!r} {exc} {exc.message} {exc.__cause__!r}"

    assert KEY not in shown
    assert KEY not in caplog.text
    assert {exchange.protocol for exchange in upstream.exchanges()} == {kind.removesuffix("_compatible")}


@pytest.mark.parametrize(
    ("slug", "environ", "key"),
    [
        ("gemini", {"GEMINI_API_KEY": "a", "GOOGLE_API_KEY": "b"}, "a"),
        ("gemini", {"GEMINI_API_KEY": " ", "GOOGLE_API_KEY": " b\n"}, "b"),
        ("claude", {"ANTHROPIC_API_KEY": "a"}, "a"),
        ("openrouter", {"OPENROUTER_API_KEY": "a"}, "a"),
        ("cerebras", {"CEREBRAS_API_KEY": "a"}, "a"),
        ("openai", {"OPENAI_API_KEY": "a"}, "a"),
        ("openai", {}, None),
        ("acme", {"ACME_API_KEY": "a"}, None),
    ],
)
def test_key_of_a_builtin_provider_is_found(slug: str, environ: dict[str, str], key: str | None) -> None:
    assert environment_key(slug, environ) == key


def test_builtin_providers_are_reached_by_tls_over_a_known_protocol() -> None:
    assert {provider.kind for provider in BUILTIN_PROVIDERS.values()} <= set(ADAPTERS)
    assert {URL(provider.base_url).scheme for provider in BUILTIN_PROVIDERS.values()} == {"https"}
    assert sorted(BUILTIN_PROVIDERS) == ["cerebras", "claude", "gemini", "openai", "openrouter"]
