"""Paths, queries and bodies that Django reads are refused as JSON, never with a page and never with a 5xx."""

import pytest

from tests.hostile.raw import RawClient

QUERIES: dict[str, int] = {
    "/recommendation": 422,
    "/recommendation?prompt=": 422,
    "/recommendation?prompt=%00": 422,
    "/recommendation?prompt=%ff%fe": 200,
    "/recommendation?prompt=%ed%a0%80": 200,
    "/recommendation?prompt=" + "a" * 10_001: 422,
    "/routing/decision?prompt=x&strategy=%00": 422,
    "/routing/decision?prompt=x&strategy=astrology": 422,
    "/routing/decision?prompt=x&auto_route=perhaps": 422,
    "/routing/metrics?days=-1": 422,
    "/routing/metrics?days=NaN": 422,
    "/routing/metrics?days=1e9": 422,
    "/routing/metrics?days=" + "9" * 5000: 422,
    "/routing/metrics?days=%F0%9D%9F%97": 200,
    "/cache/stats?days=%00": 422,
    "/stats?x=%": 200,
    "/stats?" + "&".join(f"a{number}=1" for number in range(5000)): 400,
    "/stats%00": 404,
    "//stats": 404,
    "/STATS": 404,
    "/%ff%fe": 404,
    "/../../etc/passwd": 404,
    "/static/..%2f..%2f..%2fetc%2fpasswd": 404,
    "/static/%00": 404,
    "/v1/models/%00": 404,
    "/v1/models/%ed%a0%80": 404,
    "/v1/models/..%2f..%2fetc%2fpasswd": 404,
    "/v1/models/o%D1%95": 404,
    "/v1/models/%D0%BEk": 404,
    "/v1/models/ok%E2%80%AE": 404,
    "/v1/models/" + "a" * 60_000: 404,
    "/v1/chat/completions%00": 404,
    "/v1/nothing": 404,
    "/openapi.json?format=%00": 404,
}
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
