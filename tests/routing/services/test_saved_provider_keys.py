import pytest
from pytest_django.fixtures import Settings

from accounts.services import config_version
from routing.models import Provider
from routing.services import providers, shipped_providers
from tests import factories

pytestmark = pytest.mark.django_db


def builtin(slug: str) -> Provider:
    return factories.provider(slug, is_builtin=True, needs_key=True, base_url="https://api.example.com/v1")


def test_key_entered_by_staff_is_stored_encrypted_and_read_back() -> None:
    provider = factories.provider(base_url="https://llm.example.com/v1")
    providers.save_provider_key(provider, " sk-secret \n")
    provider.refresh_from_db()
    assert "sk-secret" not in provider.encrypted_key
    assert providers.provider_key(provider, environ={}) == "sk-secret"


@pytest.mark.parametrize(
    "moved_to",
    [
        "https://attacker.example/v1",
        "http://llm.example.com/v1",
        "https://llm.example.com:8443/v1",
        "https://sub.llm.example.com/v1",
    ],
)
def test_key_is_not_sent_to_another_origin(moved_to: str, caplog: pytest.LogCaptureFixture) -> None:
    provider = factories.provider(base_url="https://llm.example.com/v1", needs_key=True)
    providers.save_provider_key(provider, "sk-secret")
    provider.base_url = moved_to
    assert providers.provider_key(provider, environ={}) is None
    assert providers.config(provider, environ={}) is None
    assert "enter the key again" in caplog.text
    assert "sk-secret" not in caplog.text


@pytest.mark.parametrize("moved_to", ["https://llm.example.com/v2", "https://LLM.example.com:443/v1"])
def test_key_follows_a_change_of_path_and_spelling(moved_to: str) -> None:
    provider = factories.provider(base_url="https://llm.example.com/v1")
    providers.save_provider_key(provider, "sk-secret")
    provider.base_url = moved_to
    assert providers.provider_key(provider, environ={}) == "sk-secret"


def test_empty_key_removes_the_stored_one() -> None:
    provider = factories.provider()
    providers.save_provider_key(provider, "sk-secret")
    providers.save_provider_key(provider, "")
    assert providers.provider_key(provider, environ={}) is None


def test_saving_a_key_is_announced() -> None:
    provider = factories.provider()
    version = config_version.current()
    providers.save_provider_key(provider, "sk-secret")
    assert config_version.current() > version


def test_key_of_another_secret_is_reported_and_not_used(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    provider = factories.provider()
    providers.save_provider_key(provider, "sk-secret")
    settings.SECRET_KEY = "another" * 10
    assert providers.provider_key(provider, environ={}) is None
    assert "SECRET_KEY_FALLBACKS" in caplog.text


def test_key_of_a_builtin_provider_comes_from_the_environment_alone() -> None:
    openai = builtin("openai")
    environ = {"OPENAI_API_KEY": " sk-env ", "ANTHROPIC_API_KEY": "sk-other"}
    assert providers.provider_key(openai, environ=environ) == "sk-env"
    with pytest.raises(providers.InvalidProviderKey, match="OPENAI_API_KEY"):
        providers.save_provider_key(openai, "sk-staff")


def test_provider_without_its_key_cannot_be_reached() -> None:
    assert providers.config(builtin("openai"), environ={"OPENAI_API_KEY": "  "}) is None


def test_configuration_carries_address_key_and_deadlines() -> None:
    provider = factories.provider("ollama", base_url="http://127.0.0.1:11434/v1", total_seconds=90.0)
    config = providers.config(provider, environ={})
    assert config is not None
    assert (config.slug, config.base_url, config.api_key) == ("ollama", "http://127.0.0.1:11434/v1", None)
    assert (config.deadlines.connect, config.deadlines.total) == (2.0, 90.0)


def test_paused_provider_cannot_be_reached_until_it_is_resumed() -> None:
    provider = factories.provider()
    rows = Provider.objects.filter(id=provider.id)
    assert providers.set_enabled(rows, is_enabled=False) == 1
    provider.refresh_from_db()
    assert providers.config(provider, environ={}) is None
    assert providers.set_enabled(rows, is_enabled=True) == 1
    provider.refresh_from_db()
    assert providers.config(provider, environ={}) is not None


def test_providers_beside_the_product_are_refused_where_they_are_switched_off(settings: Settings) -> None:
    provider = factories.provider(shipped_providers.SIMULATED, is_embedded=True)
    settings.EMBEDDED_PROVIDERS = False
    assert providers.config(provider, environ={}) is None


@pytest.mark.parametrize(
    "key", ["sk-\u200bsecret", "sk-one\nsk-two", "x" * 4097], ids=["not-ascii", "two-lines", "too-long"]
)
def test_key_that_no_header_can_carry_is_refused(key: str) -> None:
    with pytest.raises(providers.InvalidProviderKey):
        providers.save_provider_key(factories.provider(), key)


@pytest.mark.parametrize(
    "url",
    [
        "https://llm.example.com/v1",
        "http://127.0.0.1:11434/v1",
        "http://ollama:11434/v1",
        "http://[::1]:8000/v1",
        "http://10.0.0.7/v1",
    ],
)
def test_addresses_of_servers_are_accepted(url: str) -> None:
    providers.validate_base_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "llm.example.com/v1",
        "ftp://llm.example.com",
        "file:///etc/passwd",
        "http://",
        "https://user:password@llm.example.com/v1",
        "https://llm.example.com/v1?key=1",
        "https://llm.example.com/v1#part",
        "http://llm.example.com:99999/v1",
        "http://169.254.169.254/latest",
        "http://169.254.169.254./latest",
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://0251.0376.0251.0376/",
        "http://①⑥⑨.254.169.254/",
        "http://[::ffff:169.254.169.254]/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
        "http://metadata.google.internal/",
        "http://METADATA.google.internal./",
        "http://100.100.100.200/",
        "http://224.0.0.1/",
    ],
)
def test_addresses_that_are_none_or_hand_out_credentials_are_refused(url: str) -> None:
    with pytest.raises(providers.InvalidBaseUrl):
        providers.validate_base_url(url)
