"""The one command that runs everything, as a person would use it: real processes, ports and signals."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from threading import Thread

import orjson
import pytest
from django.conf import settings
from django.core.management.base import CommandError

from optimizer_project.cli import http_client
from tests.services import free_port

MANAGE = [sys.executable, "manage.py", "optimizer"]


class Started:
    """`optimizer start` in a folder of its own; its lines are read as they come."""

    def __init__(self, data_dir: Path, port: int) -> None:
        bare = {"DATABASE_URL": "", "POSTGRES_HOST": "", "REDIS_URL": "", "EMBEDDED_MODEL_URL": "", "DEBUG": "false"}
        self.process = subprocess.Popen(
            [*MANAGE, "start", "--port", str(port), "--model-file", str(data_dir / "none.gguf")],
            cwd=settings.BASE_DIR,
            env={**os.environ, **bare, "ENVIRONMENT": "development", "DATA_DIR": str(data_dir)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._queue: Queue[str] = Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def until(self, text: str) -> str:
        """Return the line that holds the text; fails when the output ends or rests for two minutes before."""
        while True:
            line = self._queue.get(timeout=120)
            assert line, "\n".join(self.lines)
            self.lines.append(line.rstrip())
            if text in line:
                return line

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        self._reader.join(60)
        return self.process.wait(60)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self._queue.put(line)
        self._queue.put("")


@pytest.mark.timeout(400)
def test_everything_comes_up_answers_and_goes_down_in_order(tmp_path: Path) -> None:
    port = free_port()
    started = Started(tmp_path, port)
    try:
        assert "password" in started.until("Admin ")
        key_line = started.until("API key ")
        assert "the simulated provider answers alone" in started.until("small model")
        started.until("curl ")
        key = re.findall(r"aco_\w+", key_line)[0]
        headers = {"Authorization": f"Bearer {key}"}
        models = http_client.exchange("GET", f"http://127.0.0.1:{port}/v1/models", headers=headers, timeout_seconds=30)
        assert models.status == 200
        assert "auto" in {model["id"] for model in orjson.loads(models.body)["data"]}
    finally:
        code = started.end(signal.SIGINT)
    started.until("Stopped.")
    assert code == 0
    ended = [line.split()[0] for line in started.lines if "Finished server process" in line or "bye bye" in line]
    assert ended == ["web", "redis"]
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_port_in_use_is_told_before_anything_is_started(optimizer: Callable[..., str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CommandError, match=rf"Port {port} on 127\.0\.0\.1 is in use.*--port {port + 1}"):
            optimizer("start", "--port", str(port))


def test_address_of_another_machine_is_refused(optimizer: Callable[..., str]) -> None:
    with pytest.raises(CommandError, match="cannot be used"):
        optimizer("start", "--host", "192.0.2.1", "--port", str(free_port()))
