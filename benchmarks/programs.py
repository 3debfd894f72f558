"""Compiles and runs the two C programs: the fake provider and the load generator."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SOURCE_DIR = Path(__file__).resolve().parent
BENCH_DIR = SOURCE_DIR.parent / "var" / "bench"
DRAIN_SECONDS = 30.0


class CannotCompile(Exception):
    """The C compiler is absent or refused a program; the message names the cure."""


class LoadFailed(Exception):
    """The load generator ended with an error of its own."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a gateway takes chat completions, and what it needs to be told."""

    port: int
    model: str
    headers: tuple[str, ...] = ()
    path: str = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Load:
    """One run of the load generator; ``rate`` is in requests a second, 0 for the closed loop."""

    connections: int
    seconds: float
    rate: int = 0
    is_stream: bool = False
    warmup_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What the load generator counted: totals over the whole run, rates and percentiles over the measured window."""

    sent: int
    answered: int
    ok: int
    lacking: int
    broken: int
    unanswered: int
    unsent: int
    measured: int
    per_second: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    first_byte_p50_ms: float | None
    first_byte_p99_ms: float | None
    statuses: dict[str, int]

    @property
    def failures(self) -> int:
        return self.sent - self.ok


def executable(name: str) -> Path:
    """Return the compiled program, compiling it first when its source is newer; raises CannotCompile."""
    source, target = SOURCE_DIR / f"{name}.c", BENCH_DIR / "bin" / name
    sources = (source, SOURCE_DIR / "http_message.h")
    if target.exists() and target.stat().st_mtime > max(path.stat().st_mtime for path in sources):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    # Renamed into place, so that two runs that compile at once never execute half a file.
    half_done = target.with_suffix(f".{os.getpid()}")
    command = ["gcc", "-O2", "-Wall", "-Wextra", "-o", str(half_done), str(source), "-lm"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except FileNotFoundError as error:
        raise CannotCompile(
            "gcc was not found: install it, for example with 'apt-get install gcc libc6-dev'."
        ) from error
    if done.returncode != 0:
        raise CannotCompile(f"gcc could not compile {source.name} (Linux with glibc is needed):\n{done.stderr}")
    half_done.replace(target)
    return target


def chat_body(model: str, *, is_stream: bool) -> str:
    """Return the request that every target is sent: two short messages, as in an ordinary chat."""
    body: dict[str, object] = {
        "model": model,
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "What does a load balancer do? Answer in two short sentences."},
        ],
        "temperature": 0.2,
        "max_tokens": 128,
    }
    if is_stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(body)


def run_load(endpoint: Endpoint, load: Load, *, while_running: Callable[[], None] | None = None) -> LoadResult:
    """Run the load generator once against an endpoint on 127.0.0.1.

    ``while_running`` is called once, at three quarters of the measured window. Raises LoadFailed when the server
    refuses connections or the run does not end in time.
    """
    command = [
        *(str(executable("loadgen")), "--port", str(endpoint.port), "--path", endpoint.path),
        *("--body", chat_body(endpoint.model, is_stream=load.is_stream)),
        *("--expect", "[DONE]" if load.is_stream else '"usage"'),
        *("--connections", str(load.connections), "--rate", str(load.rate)),
        *("--seconds", str(load.seconds), "--warmup", str(load.warmup_seconds), "--drain", str(DRAIN_SECONDS)),
    ]
    for header in endpoint.headers:
        command += ["--header", header]
    until_called = load.warmup_seconds + load.seconds * 0.75
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            if while_running is not None:
                _wait(process, until_called)
                while_running()
            output, errors = process.communicate(timeout=load.warmup_seconds + load.seconds + DRAIN_SECONDS + 30)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise LoadFailed("The load generator did not end in time.") from error
    if process.returncode != 0:
        raise LoadFailed(errors.strip() or f"loadgen ended with {process.returncode}")
    return LoadResult(**json.loads(output))


def _wait(process: "subprocess.Popen[str]", seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return
