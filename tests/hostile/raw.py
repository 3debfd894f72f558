"""A client that writes any bytes to a socket, and says what the server made of them."""

import contextlib
import functools
import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson

CHAT = "/v1/chat/completions"
COMPLETE = "/complete"
JSON = ("Content-Type: application/json",)


@dataclass(frozen=True)
class Answer:
    """The first answer on the connection; ``rest`` is what came after it. ``cpu_seconds`` are the server's."""

    status: int
    headers: dict[str, str]
    body: bytes
    rest: bytes
    seconds: float
    cpu_seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def is_harmless_for(self, path: str) -> bool:
        """Whether it took little, and is an answer or a refusal in JSON in the shape that the path's callers expect."""
        if self.cpu_seconds > 3 * yardstick_cpu_seconds():
            return False
        if self.status == 200:
            return True
        return 400 <= self.status < 500 and "json" in self.headers["content-type"] and is_error_of(path, self.json)


@functools.cache
def yardstick_cpu_seconds() -> float:
    """Return what this machine takes to read ten megabytes of JSON that are dense with objects: some .4 seconds."""
    body = b"[" + b",".join([b"{}"] * 3_300_000) + b"]"
    started = time.process_time()
    orjson.loads(body)
    return time.process_time() - started


def is_error_of(path: str, body: Any) -> bool:
    if path.startswith("/v1/"):
        return list(body) == ["error"] and set(body["error"]) == {"message", "type", "code", "param"}
    return list(body) == ["detail"] and bool(body["detail"])


class Running(Protocol):
    @property
    def pid(self) -> int: ...


class Server(Protocol):
    @property
    def port(self) -> int: ...

    @property
    def process(self) -> Running: ...


@dataclass(frozen=True)
class RawClient:
    gateway: Server
    secret: str
    host: str = "localhost"

    def head(self, method: str, path: str, *lines: str) -> bytes:
        """Return a request up to its empty line, with the key, and the wish to have the connection closed after it."""
        own = (f"Host: {self.host}", f"Authorization: Bearer {self.secret}", "Connection: close")
        return "\r\n".join([f"{method} {path} HTTP/1.1", *own, *lines, "", ""]).encode("latin-1")

    def get(self, path: str, *lines: str) -> Answer:
        return self.send(self.head("GET", path, *lines))

    def post(self, path: str, body: bytes, *lines: str) -> Answer:
        return self.send(self.head("POST", path, *(lines or JSON), f"Content-Length: {len(body)}") + body)

    def chat(self, **fields: Any) -> Answer:
        return self.post(CHAT, chat_body(**fields))

    def send(self, data: bytes, *, seconds: float = 15) -> Answer:
        """Send bytes on a new connection and read until the server hangs up."""
        cpu_before, started = self.cpu_seconds(), time.monotonic()
        with socket.create_connection(("127.0.0.1", self.gateway.port), seconds) as connection:
            received = _exchange(connection, data)
        took = time.monotonic() - started
        head, _, rest = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body, rest = _body(headers, rest)
        return Answer(int(first.split(" ")[1]), headers, body, rest, took, self.cpu_seconds() - cpu_before)

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.gateway.process.pid}/stat").read_text().rpartition(")")[2].split()
        # User and system time are the 14th and 15th field; the first two are gone here.
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_megabytes(self) -> float:
        pages = int(Path(f"/proc/{self.gateway.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def is_served(self) -> bool:
        """Whether the same process still answers."""
        return self.chat().status == 200


def chat_body(**fields: Any) -> bytes:
    messages = [{"role": "user", "content": "Hello"}]
    return json.dumps({"model": "ok", "messages": messages, **fields}).encode()


def _exchange(connection: socket.socket, data: bytes) -> bytes:
    received = b""
    # A request that is refused before it has all been sent ends in a reset, with the answer already there.
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        connection.sendall(data)
    with contextlib.suppress(ConnectionResetError):
        while block := connection.recv(65536):
            received += block
    return received


def _body(headers: dict[str, str], data: bytes) -> tuple[bytes, bytes]:
    if "content-length" in headers:
        length = int(headers["content-length"])
        return data[:length], data[length:]
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        body, data = body + data[:length], data[length + 2 :]
        if length == 0:
            break
    return body, data
