"""A server in a thread that answers as a test says: stands for the gateway, or for a team's own grader."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


class FakeHttp(ThreadingHTTPServer):
    """``asked`` keeps path, headers by lower-case name, and the JSON of every request, in order."""

    daemon_threads = True
    answer: Callable[[dict[str, Any], dict[str, str]], Answer]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeHttp

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.server.lock:
            self.server.asked.append((self.path, headers, body))
        status, answered, content = self.server.answer(body, headers)
        self.send_response(status)
        for name, value in {**answered, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@contextmanager
def fake_http(answer: Callable[[dict[str, Any], dict[str, str]], Answer]) -> Iterator[FakeHttp]:
    with FakeHttp() as server:
        server.answer = answer
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def row(number: int) -> str:
    """Return the id of a row in the ledger."""
    return str(uuid.UUID(int=number))


def completion(text: str, model: str = "acme/small", number: int = 1) -> Answer:
    """Return what the gateway answers when ``model`` said ``text``, under the id of a row."""
    provider, _, name = model.partition("/")
    headers = {"x-request-id": row(number), "x-optimizer-provider": provider, "x-optimizer-model": name}
    return 200, headers, json.dumps({"choices": [{"message": {"content": text}}]}).encode()


def refusal(status: int, code: str, **headers: str) -> Answer:
    return status, headers, json.dumps({"error": {"code": code, "message": f"refused: {code}"}}).encode()
