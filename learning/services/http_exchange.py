"""One small blocking HTTP exchange with a bounded answer; redirects are answers like any other."""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """``headers`` are by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswer(Exception):
    """The server could not be reached, broke the exchange off, or sent more than was asked for."""


class InvalidUrl(ValueError):
    """The address is no HTTP URL with a host."""


def host_of(url: str) -> str:
    """Return the host name of an HTTP URL, in lower case; raises InvalidUrl."""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or not url.isascii() or not url.isprintable() or " " in url or parts.username is not None:
        raise InvalidUrl(f"{url[:200]!r} is no address such as http://127.0.0.1:8000")
    return str(parts.hostname)


def post(url: str, *, body: bytes, headers: Mapping[str, str], timeout_seconds: float, max_answer_bytes: int) -> Answer:
    """Send a body and read the whole answer; raises NoAnswer and InvalidUrl."""
    host = host_of(url)
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(host, parts.port, timeout=timeout_seconds)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, body=body, headers={**headers, "Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read(max_answer_bytes + 1)
        if len(content) > max_answer_bytes:
            raise NoAnswer(f"the answer is larger than {max_answer_bytes} bytes")
        lowered = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, lowered, content)
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(str(error) or type(error).__name__) from error
    finally:
        connection.close()
