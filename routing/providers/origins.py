"""A key goes to the origin it was configured for and nowhere else."""

from functools import lru_cache

from yarl import URL

from routing.providers.base import ProviderConfig, ProviderError


@lru_cache(maxsize=1024)
def endpoint(base_url: str, path: str) -> URL:
    """Return ``base_url`` extended by ``path``.

    Raises:
        ValueError: when ``base_url`` is no absolute http or https URL.
    """
    url = URL(base_url.rstrip("/") + path)
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"{base_url!r} is not an http or https URL")
    return url


@lru_cache(maxsize=1024)
def is_same_origin(first: URL | str, second: URL | str) -> bool:
    """Whether scheme, host and port of two URLs are equal."""
    try:
        return URL(first).origin() == URL(second).origin()
    except ValueError:
        return False


def key_for(config: ProviderConfig, url: URL) -> str | None:
    """Return the provider's key for a request to ``url``.

    Raises:
        ProviderError: ``url`` lies outside the origin the key is bound to; nothing has been sent.
    """
    if config.api_key and not is_same_origin(config.base_url, url):
        raise ProviderError(
            "authentication",
            f"the key of {config.slug} is bound to another origin than the address asked for; nothing was sent",
            retryable=False,
            fallback=True,
            sent="no",
        )
    return config.api_key
