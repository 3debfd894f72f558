"""The gateways that are measured: how each is started and where it takes requests."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks import peers, processes
from benchmarks.peers import plain_environment
from benchmarks.processes import Server
from benchmarks.programs import SOURCE_DIR, Endpoint, executable
from tests.services import free_port

WORKERS = 2
LITELLM_KEY = "sk-benchmark"
# LiteLLM knows the price of this name, so that its cost calculation takes its normal way.
LITELLM_UPSTREAM_MODEL = "openai/gpt-4o-mini"


class Target(Protocol):
    """Something that takes chat completions on 127.0.0.1.

    ``open_loop_rates`` are the requests a second at which added latency is measured: rates the target can hold.
    """

    name: str
    open_loop_rates: tuple[int, ...]

    @property
    def endpoint(self) -> Endpoint: ...

    @property
    def pid(self) -> int | None:
        """Root of the gateway's processes; None for the provider itself."""
        ...

    @property
    def store_pid(self) -> int | None:
        """Root of its database server's processes, where it has one."""
        ...

    def start(self) -> float:
        """Start and return the seconds until the first good answer; raises DidNotStart."""
        ...

    def stop(self) -> None: ...


class Upstream:
    """The fake provider: what every target calls, and, called directly, what added latency is counted from."""

    name = "direct"
    open_loop_rates: tuple[int, ...] = (25, 100)
    store_pid = None
    pid = None

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self.port = 0
        self._server: Server | None = None

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.port, model="fake")

    def start(self) -> float:
        self.port = free_port()
        command = [str(executable("fake_upstream")), str(self.port)]
        self._server = Server(command, plain_environment(), self._run_dir / "upstream.log", self._run_dir)
        return self._server.wait_until_ready(self.endpoint)

    def set_delay_ms(self, delay_ms: int) -> None:
        """Let every answer begin this much later, for all targets at once."""
        processes.post(self.port, f"/delay/{delay_ms}")

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()


@dataclass(frozen=True, slots=True)
class Launch:
    """What a peer needs to start: its command, environment and endpoint."""

    command: list[str]
    env: dict[str, str]
    endpoint: Endpoint


class Peer:
    """Another gateway, started anew by each ``start``."""

    store_pid = None

    def __init__(
        self, name: str, open_loop_rates: tuple[int, ...], run_dir: Path, launch: Callable[[], Launch]
    ) -> None:
        self.name = name
        self.open_loop_rates = open_loop_rates
        self.endpoint = Endpoint(0, model="")
        self._run_dir = run_dir
        self._launch = launch
        self._server: Server | None = None

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server is not None else None

    def start(self) -> float:
        launch = self._launch()
        self.endpoint = launch.endpoint
        self._server = Server(launch.command, launch.env, self._run_dir / f"{self.name}.log", self._run_dir)
        return self._server.wait_until_ready(self.endpoint)

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None


def litellm(run_dir: Path, upstream: Upstream, progress: Callable[[str], None]) -> Peer:
    """Return LiteLLM's proxy, without a database and with logging off; raises CannotInstall."""
    folder = peers.litellm(progress)

    def launch() -> Launch:
        port = free_port()
        config = run_dir / "litellm.yaml"
        # JSON is YAML too.
        config.write_text(json.dumps(_litellm_config(upstream.port)))
        env = plain_environment(
            {
                "LITELLM_MODE": "PRODUCTION",
                "LITELLM_LOG": "ERROR",
                "LITELLM_TELEMETRY": "False",
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "LITELLM_LOCAL_BLOG_POSTS": "True",
                "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
                "LITELLM_DONT_SHOW_FEEDBACK_BOX": "true",
                "NO_DOCS": "True",
            }
        )
        env["PATH"] = f"{folder / 'bin'}:{env['PATH']}"
        options = ("--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", str(WORKERS))
        endpoint = Endpoint(port, model="fake", headers=(f"Authorization: Bearer {LITELLM_KEY}",))
        return Launch([str(folder / "bin" / "litellm"), *options], env, endpoint)

    # Two workers do not hold 100 requests a second here, and an open loop past capacity measures its own length.
    return Peer("litellm", (25,), run_dir, launch)


def portkey(run_dir: Path, upstream: Upstream, progress: Callable[[str], None]) -> Peer:
    """Return Portkey's gateway: one process, as it has no workers; raises CannotInstall."""
    script = peers.portkey(progress)

    def launch() -> Launch:
        port = free_port()
        command = [
            "node",
            "--require",
            str(SOURCE_DIR / "portkey_loopback.cjs"),
            str(script),
            "--headless",
            f"--port={port}",
        ]
        headers = (
            "Authorization: Bearer sk-upstream",
            "x-portkey-provider: openai",
            f"x-portkey-custom-host: http://127.0.0.1:{upstream.port}/v1",
        )
        return Launch(command, plain_environment({"NODE_ENV": "production"}), Endpoint(port, "fake", headers))

    return Peer("portkey", (25, 100), run_dir, launch)


def _litellm_config(upstream_port: int) -> dict[str, object]:
    return {
        "model_list": [
            {
                "model_name": "fake",
                "litellm_params": {
                    "model": LITELLM_UPSTREAM_MODEL,
                    "api_base": f"http://127.0.0.1:{upstream_port}/v1",
                    "api_key": "sk-upstream",
                },
            }
        ],
        "litellm_settings": {
            "drop_params": True,
            "num_retries": 0,
            "request_timeout": 60,
            "set_verbose": False,
            "telemetry": False,
        },
        "general_settings": {"master_key": LITELLM_KEY},
    }
