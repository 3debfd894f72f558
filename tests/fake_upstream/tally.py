"""The fake provider's own books: one JSON line per exchange, on disk before the next thing happens."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass
class Exchange:
    """What happened and what it would cost.

    Token counts are what was reported, or would have been where ``usage`` is ``missing`` or ``garbage``; they are 0
    where the request was refused and nothing is billed. ``is_complete`` says that every byte of the answer went out.
    """

    attempt_id: str
    protocol: str
    model: str
    fault: str
    is_stream: bool
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    usage: str = "none"
    is_billed: bool = False
    is_complete: bool = False
    key_tail: str = ""


class Tally:
    """Appends to ``path``, or only to memory when there is none."""

    def __init__(self, path: Path | None) -> None:
        self.exchanges: list[Exchange] = []
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if path else None

    def append(self, exchange: Exchange) -> None:
        if self._file is not None:
            os.write(self._file, json.dumps(asdict(exchange)).encode() + b"\n")
            os.fsync(self._file)
        self.exchanges.append(exchange)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)


def read(path: Path) -> list[Exchange]:
    return [Exchange(**json.loads(line)) for line in path.read_text().splitlines()]
