"""Server-sent events: cutting a byte stream into whole events, and reading one event.

Everything that leaves here ends its lines with a single newline, so whatever the reads looked like, and whether the
provider wrote LF, CRLF or CR, the same bytes come out.
"""

from routing.providers.errors import TooLarge

MAX_EVENT_BYTES = 1024 * 1024


class EventAssembler:
    """Takes reads of any size, gives blocks of whole events; holds at most one unfinished event."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._ends_in_return = False

    def feed(self, read: bytes) -> bytes:
        """Return all events that ``read`` completes, "" when it completes none.

        Raises:
            TooLarge: the unfinished event has passed 1 MB.
        """
        if self._ends_in_return or b"\r" in read:
            read = self._with_newlines(read)
        if not self._pending:
            cut = _end_of_last_event(read)
            return read if cut == len(read) else self._keep_rest(read, cut)
        # What is pending holds no blank line, so only its last byte can begin one: long events are scanned once.
        searched = len(self._pending) - 1
        self._pending += read
        cut = _end_of_last_event(self._pending, searched)
        if not cut:
            self._check_size()
            return b""
        read = bytes(self._pending)
        self._pending.clear()
        return self._keep_rest(read, cut)

    def leftover(self) -> bytes:
        """Return what stands after the last whole event once the stream is over."""
        return bytes(self._pending)

    def _keep_rest(self, read: bytes, cut: int) -> bytes:
        self._pending += read[cut:]
        self._check_size()
        return read[:cut]

    def _check_size(self) -> None:
        if len(self._pending) > MAX_EVENT_BYTES:
            raise TooLarge(f"sent one event of more than {MAX_EVENT_BYTES} bytes")

    def _with_newlines(self, read: bytes) -> bytes:
        """Turn CRLF and CR into LF; a CR at the very end waits, as its LF may be in the next read."""
        if self._ends_in_return:
            read = b"\r" + read
        self._ends_in_return = read.endswith(b"\r")
        if self._ends_in_return:
            read = read[:-1]
        return read.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _end_of_last_event(buffer: bytes | bytearray, start: int = 0) -> int:
    found = buffer.rfind(b"\n\n", start)
    return 0 if found < 0 else found + 2


def has_data(block: bytes) -> bool:
    """Whether a block of events carries more than comments and keep-alives."""
    return block.startswith(b"data:") or b"\ndata:" in block


def split(block: bytes) -> list[bytes]:
    """Return the events of a block without their closing blank lines."""
    return [event for part in block.split(b"\n\n") if (event := part.strip(b"\n"))]


def fields(event: bytes) -> tuple[bytes, bytes | None]:
    """Return an event's name, "" when it has none, and its data, None when it has none; comments are left out."""
    name = b""
    data: list[bytes] = []
    for line in event.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    return name, b"\n".join(data) if data else None
