"""The bytes of a request's head."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from yarl import URL

from routing.providers.http_errors import InvalidHeader, InvalidUrl

Method = Literal["GET", "POST"]
"""A HEAD would be answered with a length and no body, which the client does not foresee."""

_USER_AGENT = "ai-cost-optimizer"
_VISIBLE = re.compile(r"[!-~]+")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Origin:
    """Whom a connection leads to; connections are shared within one origin only."""

    is_tls: bool
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Target:
    """An address with the part of the head that is the same for all requests to it."""

    origin: Origin
    head: str


@lru_cache(maxsize=1024)
def target_of(method: Method, url: URL) -> Target:
    """Raises InvalidUrl when there is nothing to connect to, or a user name stands in it."""
    if url.scheme not in ("http", "https") or not url.raw_host or not url.port or url.user is not None:
        raise InvalidUrl("not an http or https URL without a user name")
    host = url.host_port_subcomponent or ""
    if not (_VISIBLE.fullmatch(host) and _VISIBLE.fullmatch(url.raw_path_qs)):
        raise InvalidUrl("a URL with characters that would end its line early")
    head = f"{method} {url.raw_path_qs} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {_USER_AGENT}\r\n"
    return Target(Origin(url.scheme == "https", url.raw_host, url.port), head)


def head_of(target: Target, headers: Mapping[str, str], body_size: int) -> bytes:
    """Write a whole head, with the length of the body.

    Raises:
        InvalidHeader: a name is none, or a value holds a line break or another control character.
    """
    lines = [target.head]
    for name, value in headers.items():
        if not _is_token(name) or not value.isprintable():
            # The value may be the key, so it is not shown.
            raise InvalidHeader(f"the header {name[:50]!r} holds a character that HTTP forbids")
        lines.append(f"{name}: {value}\r\n")
    lines.append(f"Content-Length: {body_size}\r\n\r\n")
    return "".join(lines).encode()


@lru_cache(maxsize=256)
def _is_token(name: str) -> bool:
    return _TOKEN.fullmatch(name) is not None
