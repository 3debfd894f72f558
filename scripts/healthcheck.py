"""Exits 0 when the web process in this container is alive: the health check of the image."""

import http.client
import os
import sys

# Django answers only to the names in ALLOWED_HOSTS, and a container's own address is not one of them.
host = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip().lstrip(".")
connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("HEALTHCHECK_PORT", "8000")), timeout=4)
try:
    connection.request("GET", "/health/liveliness", headers={"Host": host})
    status = connection.getresponse().status
except OSError as error:
    sys.exit(f"no answer: {error}")
sys.exit(0 if status == 200 else f"status {status}")
