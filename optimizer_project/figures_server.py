"""Serves /metrics where no web process does: a worker in a container of its own."""

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from django.utils.datastructures import CaseInsensitiveMapping
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from monitoring.services import exposition, scrape_access

logger = logging.getLogger(__name__)


class _Handler(BaseHTTPRequestHandler):
    # For the request to arrive; whoever sends nothing holds a thread no longer.
    timeout = 10

    def do_GET(self) -> None:
        if self.path.partition("?")[0].rstrip("/") != "/metrics":
            self._answer(404, json.dumps({"detail": "There is only /metrics here."}).encode(), "application/json")
            return
        try:
            scrape_access.check(CaseInsensitiveMapping(self.headers.items()), self.client_address[0])
        except scrape_access.ScrapeRefused as error:
            self._answer(403, json.dumps({"detail": str(error)}).encode(), "application/json")
        else:
            self._answer(200, exposition.text(), CONTENT_TYPE_PLAIN_0_0_4)

    def log_message(self, format: str, *args: object) -> None:
        logger.debug(format, *args)

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def start(port: int) -> ThreadingHTTPServer:
    """Serve in a thread of this process, on all its addresses; raises OSError where the port is taken."""
    server = ThreadingHTTPServer(("", port), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="metrics-server", daemon=True).start()
    logger.info("Figures for Prometheus are served on port %s", server.server_port)
    return server
