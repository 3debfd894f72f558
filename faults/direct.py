"""The stack without the proxies between its parts, for load that would mostly be spent in them."""

from typing import Self

import aiohttp

from faults.stack import PROVIDER_KEY_CANARY, Stack

# Shorter than a replica keeps an idle connection: a request on one that is just being closed would be lost.
_KEPT_SECONDS = 2.0


def connector() -> aiohttp.TCPConnector:
    """Return what clients connect with, as many at once as they like."""
    return aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_SECONDS)


class DirectStack(Stack):
    """Nothing between the parts can be slowed or cut; processes can still be killed."""

    def __enter__(self) -> Self:
        super().__enter__()
        _ask_directly(self.upstream_port)
        return self

    def _environment(self) -> dict[str, str]:
        return super()._environment() | {
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": f"redis://127.0.0.1:{self.redis.port}/0",
        }


def _ask_directly(upstream_port: int) -> None:
    from accounts.services import config_version
    from routing.models import Provider
    from routing.services import providers

    for provider in Provider.objects.filter(slug__startswith="provider-"):
        provider.base_url = f"http://127.0.0.1:{upstream_port}/v1"
        provider.save(update_fields=("base_url",))
        # A key belongs to the address it was entered for.
        providers.save_provider_key(provider, f"{PROVIDER_KEY_CANARY}-{provider.slug}")
    config_version.bump()
