"""How each fault shows on the wire; the name of the model chooses it."""

import asyncio
import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from tests.fake_upstream.replies import REPORTS

FAULTS = (
    *("ok", "429", "429_retry_after", "500", "503_then_ok", "timeout", "slow_first", "slow_chunk", "stall_mid"),
    *("cut_mid", "error_event_mid", "200_with_error", "malformed_json", "html_200", "wrong_type", "missing_usage"),
    *("zero_usage", "negative_usage", "huge_usage", "nan_usage", "nul_text", "surrogate_text", "gzip_bomb", "redirect"),
    *(
        "10mb_line",
        "dup_done",
        "no_done",
        "tools",
        "json",
        "echo",
        "details",
        "crlf",
        "keep_alive",
        "drip_mid",
        "comments_mid",
    ),
)
# Apart from these, because whoever asks for all of them has not the time for it.
LONG_TEXT = "long_text"
NEVER_SECONDS = 3600.0
PAUSE_SECONDS = 0.05
"""Between the good half of a stream and its fault, so that the client has read the one before the other comes."""

_REFUSAL = re.compile(r"([45]\d\d)(?:(_retry_after)(?::(.*?))?)?(?:_then_ok)?")
_SLOW_OK = re.compile(r"slow_ok_(\d+)")


@dataclass(frozen=True)
class Pace:
    """Seconds the slow faults take."""

    slow_first: float = 1.0
    slow_chunk: float = 0.2


@dataclass(frozen=True)
class Step:
    """Bytes to send after waiting, and whether the connection is then torn down."""

    data: bytes
    wait: float = 0.0
    cuts: bool = False


def fault_of(model: str) -> str:
    """``anything/429`` means ``429``; a name that is no fault means ``ok``, so that real model names work too."""
    name = model.rpartition("/")[2]
    known = name in (*FAULTS, LONG_TEXT) or _REFUSAL.fullmatch(name) or _SLOW_OK.fullmatch(name)
    return name if known else "ok"


def status_of(fault: str) -> int | None:
    match = _REFUSAL.fullmatch(fault)
    return int(match[1]) if match else None


def retry_after_of(fault: str) -> dict[str, str]:
    """``429_retry_after`` asks for one second, ``429_retry_after:VALUE`` says VALUE; any other status does the same."""
    match = _REFUSAL.fullmatch(fault)
    return {"Retry-After": match[3] or "1"} if match and match[2] else {}


def seconds_before_answer(fault: str, pace: Pace) -> float:
    if fault == "timeout":
        return NEVER_SECONDS
    if fault == "slow_first":
        return pace.slow_first
    match = _SLOW_OK.fullmatch(fault)
    return int(match[1]) / 1000 if match else 0.0


def usage_of(fault: str) -> str:
    """What the tally says of the reported usage. Zero is reported honestly: an explicit 0 is billed as 0."""
    if fault == "missing_usage":
        return "missing"
    return "garbage" if fault in REPORTS and fault != "zero_usage" else "reported"


def whole_body(fault: str) -> tuple[bytes, dict[str, str]] | None:
    """The answer, with status 200, of faults that look the same streamed or not."""
    if fault == "html_200":
        return b"<!doctype html><title>Log in to this network</title>", {"Content-Type": "text/html"}
    if fault == "200_with_error":
        error = {"error": {"message": "the model is overloaded", "type": "server_error", "code": 502}}
        return json.dumps(error).encode(), {"Content-Type": "application/json"}
    return None


def gzip_bomb() -> bytes:
    """300 MB of spaces in about 300 kB: many gzip members are one valid gzip stream."""
    return gzip.compress(b" " * 1024 * 1024, 9) * 300


def body_steps(fault: str, body: bytes, pace: Pace) -> list[Step]:
    half = len(body) // 2
    match fault:
        case "slow_chunk":
            return [Step(body[:half]), Step(body[half:], wait=pace.slow_chunk)]
        case "stall_mid":
            return [Step(body[:half]), Step(b"", wait=NEVER_SECONDS)]
        case "cut_mid" | "error_event_mid":
            return [Step(body[:half], cuts=True)]
        case "malformed_json":
            return [Step(body[:half])]
    return [Step(body)]


def event_steps(
    fault: str, events: list[bytes], *, error_event: bytes, wrong_event: bytes, long_event: bytes, pace: Pace
) -> list[Step]:
    half = len(events) // 2
    first_half = [Step(event) for event in events[:half]]
    replaced: dict[str, Callable[[], list[Step]]] = {
        "slow_chunk": lambda: [Step(event, wait=pace.slow_chunk) for event in events],
        "stall_mid": lambda: [*first_half, Step(events[half][:10]), Step(b"", wait=NEVER_SECONDS)],
        "drip_mid": lambda: [*first_half, *(Step(bytes([byte]), wait=pace.slow_chunk) for byte in events[half])],
        "comments_mid": lambda: [*first_half, *(Step(b": wait\n\n", wait=pace.slow_chunk) for _ in range(100))],
        "cut_mid": lambda: [*first_half, Step(events[half][:10], wait=PAUSE_SECONDS, cuts=True)],
        "error_event_mid": lambda: [*first_half, Step(error_event, wait=PAUSE_SECONDS)],
        "malformed_json": lambda: [Step(b'data: {"id": "fake", "choices": [\n\n')],
        "wrong_type": lambda: [Step(wrong_event)],
        "10mb_line": lambda: [*first_half, Step(long_event, wait=PAUSE_SECONDS), *map(Step, events[half:])],
        "dup_done": lambda: [*map(Step, events), Step(events[-1])],
        "no_done": lambda: [Step(event) for event in events[:-1]],
        "crlf": lambda: [Step(event.replace(b"\n", b"\r\n")) for event in events],
        "keep_alive": lambda: [Step(b": keep-alive\n\n" + event) for event in events],
    }
    return replaced.get(fault, lambda: [Step(event) for event in events])()


async def send(request: web.Request, response: web.StreamResponse, steps: list[Step]) -> None:
    """Play the steps; a cut resets the connection, as a dying server does."""
    for step in steps:
        await asyncio.sleep(step.wait)
        if step.data:
            await response.write(step.data)
        if step.cuts and request.transport is not None:
            # What was written must leave before the reset throws it away.
            await asyncio.sleep(0.02)
            request.transport.abort()
            raise ConnectionResetError("cut on purpose")
