from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FakeServer(ThreadingHTTPServer):
    """Answers every request with what the test says, and keeps what it was sent.

    ``answers`` goes before ``answer``, and ``statuses`` before ``status``, for the paths they name, without a query.
    """

    status = 200
    answer = b"{}"
    answers: Mapping[str, bytes] = {}
    statuses: Mapping[str, int] = {}
    seen: list[tuple[str, str | None, bytes]]


class Handler(BaseHTTPRequestHandler):
    server: FakeServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.path, self.headers["Authorization"], body))
        path = self.path.partition("?")[0]
        answer = self.server.answers.get(path, self.server.answer)
        self.send_response(self.server.statuses.get(path, self.server.status))
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""
