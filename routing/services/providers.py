"""Where providers are reached and with which key.

A key entered by staff is encrypted together with the origin (scheme, host and port) it was entered for, and is handed
out for that origin only: changing the address of a provider never sends its key somewhere else.
"""

import base64
import ipaddress
import json
import logging
import socket
from collections.abc import Mapping

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from yarl import URL

from accounts.services import config_version, encryption
from routing.models import Provider
from routing.providers import registry
from routing.providers.base import Deadlines, ProviderConfig
from routing.services.shipped_providers import EMBEDDED

logger = logging.getLogger(__name__)

MAX_KEY_CHARACTERS = 4096
_PURPOSE = "provider-key"
# Where clouds answer with the machine's own credentials, besides the link-local addresses.
_METADATA_HOSTS = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
_METADATA_ADDRESSES = frozenset(
    ipaddress.ip_address(address)
    for address in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
)


class InvalidBaseUrl(ValueError):
    """The address is not one that providers may be reached at."""


class InvalidProviderKey(ValueError):
    """The key cannot be stored for this provider."""


def config(provider: Provider, *, environ: Mapping[str, str]) -> ProviderConfig | None:
    """Return how to reach the provider; None when it is paused, lacks key or address, or may not run here."""
    if not provider.is_enabled or (provider.is_embedded and not settings.EMBEDDED_PROVIDERS):
        return None
    key = provider_key(provider, environ=environ)
    if provider.needs_key and key is None:
        return None
    base_url = _base_url(provider)
    if not base_url and provider.kind != Provider.Kind.SIMULATED:
        return None
    return ProviderConfig(
        slug=provider.slug,
        kind=provider.kind,
        base_url=base_url,
        api_key=key,
        deadlines=Deadlines(
            connect=provider.connect_seconds,
            first_token=provider.first_token_seconds,
            between_tokens=provider.between_tokens_seconds,
            total=provider.total_seconds,
        ),
        drain_on_disconnect=provider.drain_on_disconnect,
    )


def _base_url(provider: Provider) -> str:
    """Return where the provider is asked: what ships with the product is not a matter of its row."""
    if provider.slug == EMBEDDED:
        return str(settings.EMBEDDED_MODEL_URL)
    builtin = registry.BUILTIN_PROVIDERS.get(provider.slug) if provider.is_builtin else None
    return builtin.base_url if builtin else provider.base_url


def provider_key(provider: Provider, *, environ: Mapping[str, str]) -> str | None:
    """Return the key to send to the provider's present address, None when there is none for it.

    Built-in providers take theirs from the environment, first variable that is set; others the one entered by staff.
    """
    if provider.is_builtin:
        return registry.environment_key(provider.slug, environ)
    if not provider.encrypted_key:
        return None
    try:
        stored = json.loads(encryption.decrypt(base64.b64decode(provider.encrypted_key), purpose=_PURPOSE))
    except encryption.CannotDecrypt:
        logger.warning(
            "The key of provider %s cannot be decrypted: enter it again, or put the former SECRET_KEY into "
            "SECRET_KEY_FALLBACKS.",
            provider.slug,
        )
        return None
    if stored["origin"] != origin(provider.base_url):
        logger.warning(
            "The key of provider %s was entered for %s and is not sent to %s: enter the key again.",
            provider.slug,
            stored["origin"],
            origin(provider.base_url),
        )
        return None
    return str(stored["key"])


@transaction.atomic
def save_provider_key(provider: Provider, key: str) -> None:
    """Store the key, encrypted, for the provider's present address; an empty key removes it.

    Raises InvalidProviderKey.
    """
    key = key.strip()
    if provider.is_builtin:
        names = " or ".join(key_variables(provider.slug))
        raise InvalidProviderKey(f"The key of {provider.slug} comes from the environment: set {names or 'none'}.")
    if len(key) > MAX_KEY_CHARACTERS or not key.isascii() or not key.isprintable():
        raise InvalidProviderKey(
            f"A key is at most {MAX_KEY_CHARACTERS} printable ASCII characters: copy it again without line breaks."
        )
    provider.encrypted_key = ""
    if key:
        stored = json.dumps({"origin": origin(provider.base_url), "key": key}).encode()
        provider.encrypted_key = base64.b64encode(encryption.encrypt(stored, purpose=_PURPOSE)).decode()
    provider.save(update_fields=["encrypted_key"])
    config_version.bump()


@transaction.atomic
def set_enabled(providers: QuerySet[Provider], *, is_enabled: bool) -> int:
    """Pause or resume providers, effective within a second; returns how many changed."""
    changed = providers.exclude(is_enabled=is_enabled).update(is_enabled=is_enabled)
    if changed:
        config_version.bump()
    return changed


def key_variables(slug: str) -> tuple[str, ...]:
    """Return the environment variables that may hold the key of a built-in provider, the preferred one first."""
    builtin = registry.BUILTIN_PROVIDERS.get(slug)
    return builtin.key_variables if builtin else ()


def validate_base_url(url: str) -> None:
    """Raise InvalidBaseUrl unless ``url`` may be the address of a provider that staff add.

    Private and loopback addresses are allowed, because self-hosted servers live there; link-local and cloud metadata
    addresses are not, in any spelling, because they hand out the machine's own credentials.
    """
    parts = _parsed(url)
    if parts.scheme not in ("http", "https"):
        raise InvalidBaseUrl("The address must begin with https:// or http://.")
    if parts.user is not None or parts.password is not None:
        raise InvalidBaseUrl("The address must hold no user name or password: enter the key in its own field.")
    if parts.query_string or parts.fragment:
        raise InvalidBaseUrl("The address must end with its path, without ? or #.")
    host = (parts.raw_host or "").rstrip(".")
    if not host:
        raise InvalidBaseUrl("The address names no host: use for example http://127.0.0.1:11434/v1.")
    if host in _METADATA_HOSTS or _is_refused(host):
        raise InvalidBaseUrl(f"{host} is a link-local or metadata address and is never asked: use the server's own.")


def origin(url: str) -> str:
    """Return scheme, host and port of an address; raises InvalidBaseUrl."""
    parts = _parsed(url)
    return f"{parts.scheme}://{parts.raw_host}:{parts.port}"


def _parsed(url: str) -> URL:
    """Read the address as the HTTP client will, so that both see the same host."""
    try:
        return URL(url)
    except ValueError as error:
        raise InvalidBaseUrl(f"The address cannot be read: {error}.") from error


def _is_refused(host: str) -> bool:
    address = _address(host)
    if address is None:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_link_local or address.is_multicast or address in _METADATA_ADDRESSES


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that ``host`` spells, also as 2852039166, 0xa9fea9fe or 0251.0376.0251.0376."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None
