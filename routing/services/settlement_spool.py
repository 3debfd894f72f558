"""Settlements that the database has not taken yet, on disk: an answer given while it is away survives its process.

Nothing is written here while the database takes what it is given. A process that starts brings in what processes that
have died left behind; one that lives holds a lock on its file.
"""

import base64
import fcntl
import json
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from msgspec.structs import asdict, replace

from routing.services import ledger
from routing.services.group_commit import CONNECTION_ERRORS
from routing.services.ledger_operations import Answer, CloseEntry

logger = logging.getLogger(__name__)

REFUSED = ".refused"


def folder() -> Path:
    """Return where the files of this installation are."""
    return Path(settings.DATA_DIR) / "settlements"


class Spool:
    """The settlements of one process that wait; its file is made with the first of them. Safe to use from threads."""

    def __init__(self, place: Path, name: str) -> None:
        self._path = place / f"{name}.jsonl"
        self._lock = threading.Lock()
        self._file: int | None = None
        # By identity: the very objects that the writer holds.
        self._kept: dict[int, CloseEntry] = {}

    def keep(self, operations: Sequence[CloseEntry]) -> None:
        """Put settlements on disk, synced; those that are there already are left out. Raises OSError."""
        with self._lock:
            new = {id(operation): operation for operation in operations if id(operation) not in self._kept}
            if not new:
                return
            if self._file is None:
                self._file = _opened(self._path)
            os.write(self._file, b"".join(_line(operation) for operation in new.values()))
            os.fsync(self._file)
            self._kept |= new

    def release(self, operations: Sequence[object]) -> None:
        """Note that the database has these; once it has all, the file is emptied."""
        if not self._kept:
            return
        with self._lock:
            for operation in operations:
                self._kept.pop(id(operation), None)
            if not self._kept and self._file is not None:
                os.ftruncate(self._file, 0)

    def close(self) -> None:
        """Give the file up: it goes when the database has all that is in it, else it waits for another process."""
        with self._lock:
            if self._file is None:
                return
            if not self._kept:
                self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None


def bring_in(place: Path) -> int:
    """Settle what processes that have died left in a folder, and return how many settlements there were.

    What cannot be settled (the row's columns have changed since, say) stays in a file ending in ``.refused``; the
    reconciler closes such rows at their reservation.

    Raises:
        DatabaseError: The database is away; nothing is lost.
    """
    return sum(_bring_in(path) for path in sorted(place.glob("*.jsonl")))


def _bring_in(path: Path) -> int:
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        # Somebody else has brought it in.
        return 0
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    else:
        if not os.fstat(file).st_nlink:
            # Brought in by somebody else while we opened it.
            return 0
        found = list(_read(path))
        _settle(path, found)
        path.unlink(missing_ok=True)
        return len(found)
    finally:
        os.close(file)


def _settle(path: Path, found: Sequence[CloseEntry]) -> None:
    for operation in found:
        try:
            ledger.apply([operation])
        except CONNECTION_ERRORS:
            raise
        except (DatabaseError, LookupError, TypeError, ValueError):
            # Written by another version, say: that must keep no process from starting.
            logger.exception("A settlement left by a process that died was refused; see the file ending in .refused")
            with path.with_suffix(REFUSED).open("ab") as refused:
                refused.write(_line(operation))
    if found:
        logger.warning("Settled %s requests whose process had died before the database took them", len(found))


def _opened(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Locked before it has the name by which a process that starts would take it for a dead one's.
    unnamed = path.with_suffix(".new")
    file = os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX)
    unnamed.rename(path)
    # The name of a new file is on disk only once its folder is.
    parent = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
    return file


def _line(operation: CloseEntry) -> bytes:
    claim: Any = operation.claim
    if isinstance(claim, Answer):
        body = claim.encrypted_body
        claim = asdict(claim) | {"encrypted_body": None if body is None else base64.b64encode(body).decode()}
    document = {
        "row": operation.row,
        "claim": claim,
        "only_pending": operation.only_pending,
        "or_insert": operation.or_insert,
    }
    return json.dumps(document).encode() + b"\n"


def _read(path: Path) -> Iterator[CloseEntry]:
    for line in path.read_bytes().splitlines():
        try:
            yield _operation(json.loads(line))
        except (LookupError, TypeError, ValueError):
            # The last line of a process that was killed while it wrote: its client had no answer yet.
            logger.warning("A settlement that cannot be read was left out")


def _operation(document: dict[str, Any]) -> CloseEntry:
    claim = document.pop("claim")
    if isinstance(claim, dict):
        body = claim["encrypted_body"]
        claim = replace(Answer(**claim), encrypted_body=None if body is None else base64.b64decode(body))
    return CloseEntry(**document, claim=claim)
