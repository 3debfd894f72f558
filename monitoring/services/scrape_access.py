"""Who may read the figures: whoever has the token, or asks from a network that is named as our own."""

import hmac
from collections.abc import Mapping
from ipaddress import ip_address

from django.conf import settings


class ScrapeRefused(Exception):
    """The figures are not for this caller; the message says how they could be."""


def check(headers: Mapping[str, str], address: str) -> None:
    """Raise ScrapeRefused unless the caller may read the figures.

    Args:
        headers: Of the request, found whatever the case of their names.
        address: The IP address that it came from; empty where it has none.
    """
    if settings.METRICS_TOKEN and _has_token(headers.get("Authorization", "")):
        return
    # A proxy in front that we are not told to trust makes everybody look as if they came from its own address.
    is_forwarded = "X-Forwarded-For" in headers or "Forwarded" in headers
    if (not is_forwarded or settings.SECURE_PROXY_SSL_HEADER) and _is_own(address):
        return
    raise ScrapeRefused(
        "These figures are for our own monitoring. Send METRICS_TOKEN as 'Authorization: Bearer …', or ask from one of "
        "METRICS_ALLOWED_NETWORKS; the server's administrator sets both."
    )


def _has_token(authorization: str) -> bool:
    scheme, _, given = authorization.partition(" ")
    is_equal = hmac.compare_digest(given.strip().encode(), settings.METRICS_TOKEN.encode())
    return scheme.lower() == "bearer" and is_equal


def _is_own(address: str) -> bool:
    try:
        asked_from = ip_address(address)
    except ValueError:
        return False
    return any(asked_from in network for network in settings.METRICS_ALLOWED_NETWORKS)
