"""Paths, queries and bodies that Django reads are refused as JSON, never with a page and never with a 5xx."""

import pytest

from tests.hostile.corpus import QUERIES
from tests.hostile.raw import RawClient

BODIES = {"deep": b"[" * 5000, "NUL": b'{"a":"\\u0000"}', "form": b"a=%00&b=%ff", "UTF-8": b"\xff\xfe", "empty": b""}
PATHS = ["/providers", "/recommendation", "/routing/decision", "/routing/metrics", "/stats", "/cache/stats"]
PATHS += ["/v1/models", "/v1/models/ok", "/health", "/health/live", "/health/ready", "/nothing", "/"]
HEADERS = ["Accept: \xff", "Accept: " + "text/html," * 3000, "Accept-Language: " + "x-" * 3000, "Origin: \xff"]
HEADERS += [
    'Cookie: sessionid=\xff; csrftoken="',
    "Cookie: " + "a=b;" * 8000,
    "X-Forwarded-For: \xff",
    "Range: bytes=0-,",
]
HEADERS += ["If-Modified-Since: \xff", "X-Forwarded-Host: \xff", "Authorization: Basic \xff", "Referer: \xff"]


def test_hostile_query_is_refused_or_served(client: RawClient) -> None:
    answers = {path: client.get(path) for path in QUERIES}

    assert {path: answer.status for path, answer in answers.items()} == QUERIES
    assert {path: answer for path, answer in answers.items() if not answer.is_harmless_for(path)} == {}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_body_where_none_is_read_is_refused(client: RawClient, method: str) -> None:
    answers = {
        (path, name): client.send(
            client.head(method, path, "Content-Type: application/json", f"Content-Length: {len(body)}") + body
        )
        for path in PATHS
        for name, body in BODIES.items()
    }

    assert {case: answer.status for case, answer in answers.items() if not 400 <= answer.status < 500} == {}
    assert {case: answer for case, answer in answers.items() if not answer.is_harmless_for(case[0])} == {}


def test_hostile_header_is_refused_or_ignored(client: RawClient) -> None:
    answers = {(path, line): client.get(path, line) for path in ("/stats", "/v1/models") for line in HEADERS}

    assert {case: answer for case, answer in answers.items() if not answer.is_harmless_for(case[0])} == {}
    assert client.is_served()


@pytest.mark.parametrize("path", ["/stats", "/v1/models"])
def test_foreign_host_name_is_refused_as_json(client: RawClient, path: str) -> None:
    answer = client.send(client.head("GET", path).replace(b"Host: localhost", b"Host: evil.example.com"))

    assert answer.status == 400
    assert answer.is_harmless_for(path)
