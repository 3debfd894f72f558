"""Arrays in one file that can be read without trusting it: NumPy's archive format, never pickle.

Equal arrays give equal bytes. What is read is checked before it is believed: names, kinds of numbers, sizes.
"""

import io
import math
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

MAX_BYTES = 256 * 1024 * 1024
MAX_ARRAYS = 64
_SUFFIX = ".npy"
# Whole numbers and floating-point numbers of a fixed size.
_KINDS = "iuf"


class InvalidArchive(Exception):
    """The bytes are no archive of arrays; the message says why."""


def pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the arrays as the bytes of a compressed archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(arrays):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(arrays[name]), version=(1, 0), allow_pickle=False)
            # Without a date, which would make equal archives differ.
            entry = zipfile.ZipInfo(name + _SUFFIX)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content.getvalue())
    return buffer.getvalue()


def unpack(content: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of an archive by name; floating-point numbers among them are finite.

    Raises:
        InvalidArchive: It is no archive, holds anything but arrays of numbers, or more than ``MAX_BYTES`` unpacked.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_ARRAYS or sum(entry.file_size for entry in entries) > MAX_BYTES:
                raise InvalidArchive("It is larger than a predictor can be.")
            return {_name(entry): _array(archive, entry) for entry in entries}
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise InvalidArchive(f"It is no archive of arrays: {error}") from error


def _name(entry: zipfile.ZipInfo) -> str:
    name = entry.filename.removesuffix(_SUFFIX)
    if name == entry.filename or not name.isidentifier():
        raise InvalidArchive(f"It holds {entry.filename!r}, which is no array.")
    return name


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(entry) as file:
        # The size that the entry claims may be a lie; no more than that is unpacked.
        raw = file.read(entry.file_size)
    stream = io.BytesIO(raw)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise InvalidArchive(f"{entry.filename} is of a format that is not read here.")
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.kind not in _KINDS or is_fortran:
        raise InvalidArchive(f"{entry.filename} holds no plain numbers.")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(raw) - stream.tell():
        raise InvalidArchive(f"{entry.filename} is not of the size it claims.")
    array = np.frombuffer(raw, dtype=dtype, offset=stream.tell()).reshape(shape)
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise InvalidArchive(f"{entry.filename} holds what is no finite number.")
    return array
