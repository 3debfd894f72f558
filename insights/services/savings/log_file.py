"""A log as a file: its encoding, its beginning, and the rest of it piece by piece."""

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterator
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from types import TracebackType

from insights.domain.usage_logs.json_reading import LONGEST_ROW

SAMPLE_CHARACTERS = 256 * 1024
_CHUNK_CHARACTERS = 1024 * 1024
# Windows' shells write UTF-16 when output is redirected to a file.
_PACKED = b"\x1f\x8b"
_MARKS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class CannotRead(Exception):
    """The file is not there, or is not to be read; the message says why."""


class BrokenOff(Exception):
    """The file cannot be read to its end: it is damaged, or packed and cut short."""


class LogFile:
    """An open log. Bytes that are no text in its encoding become U+FFFD, which no name or number has."""

    def __init__(self, path: Path) -> None:
        try:
            self._bytes: BufferedReader = path.open("rb")
        except OSError as error:
            raise CannotRead(f"{path} cannot be read: {error.strerror}.") from error
        if not self._bytes.seekable():
            self._bytes.close()
            raise CannotRead(f"{path} can only be read once. Write it to a file, and name that.")
        self.path = path
        self.size = path.stat().st_size
        plain = self._unpacked()
        beginning = plain.peek(4)[:4]
        encoding = next((name for mark, name in _MARKS if beginning.startswith(mark)), "utf-8-sig")
        self._text = TextIOWrapper(plain, encoding=encoding, errors="replace", newline="")

    def __enter__(self) -> "LogFile":
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._text.close()
        # What unpacks does not close what it reads.
        self._bytes.close()

    @property
    def position(self) -> int:
        """How many bytes have been read."""
        return self._bytes.tell()

    def sample(self) -> str:
        """Return the beginning, and stay there."""
        beginning = self._read(lambda: self._text.read(SAMPLE_CHARACTERS))
        self._text.seek(0)
        return beginning

    def pieces(self) -> Iterator[str]:
        """Yield the lines with their ends; one that is longer than a row may be comes in several pieces."""
        while piece := self._read(lambda: self._text.readline(LONGEST_ROW)):
            yield piece

    def chunks(self) -> Iterator[str]:
        """Yield the text as it comes."""
        while chunk := self._read(lambda: self._text.read(_CHUNK_CHARACTERS)):
            yield chunk

    def _unpacked(self) -> BufferedReader:
        if not self._bytes.peek(2).startswith(_PACKED):
            return self._bytes
        return BufferedReader(gzip.GzipFile(fileobj=self._bytes))

    def _read(self, read: Callable[[], str]) -> str:
        try:
            return read()
        except (EOFError, OSError, zlib.error) as error:
            raise BrokenOff(str(error)) from error
