import contextlib
import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.domain import array_archive
from routing.domain.array_archive import InvalidArchive

ARRAYS = {"means": np.arange(6, dtype="<f4").reshape(2, 3), "places": np.array([1, 5], dtype="<i4")}


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_npy", ".npy"), content)
    return buffer.getvalue()


def saved(array: np.ndarray, **options: bool) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def test_arrays_come_back_as_they_were() -> None:
    found = array_archive.unpack(array_archive.pack(ARRAYS))
    assert found.keys() == ARRAYS.keys()
    assert found["means"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["places"].dtype == np.dtype("<i4")


def test_equal_arrays_have_equal_bytes() -> None:
    assert array_archive.pack(ARRAYS) == array_archive.pack(dict(reversed(ARRAYS.items())))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        array_archive.pack(ARRAYS)[:-40],
        zipped(a_npy=b""),
        zipped(a_npy=saved(np.array([1.0, np.nan]))),
        zipped(a_npy=saved(np.array([1.0, np.inf]))),
        zipped(a_npy=saved(np.array([{}], dtype=object), allow_pickle=True)),
        zipped(a_npy=saved(np.array(["text"]))),
        zipped(a_npy=saved(np.asfortranarray(np.ones((2, 3))))),
        zipped(a_npy=saved(np.ones(3))[:-8]),
        zipped(a_npy=saved(np.ones(3)).replace(b"(3,)", b"(9,)")),
        zipped(a_npy=b"\x93NUMPY\x09\x00" + saved(np.ones(3))[8:]),
        zipped(readme=b"hello"),
    ],
)
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidArchive):
        array_archive.unpack(content)


def test_more_than_a_predictor_can_hold_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_archive, "MAX_BYTES", 1_000)
    with pytest.raises(InvalidArchive, match="larger than"):
        array_archive.unpack(zipped(a_npy=saved(np.zeros(10_000))))


@given(st.binary(max_size=300), st.integers(0, 600))
def test_corrupted_archive_is_read_or_refused_and_nothing_else(noise: bytes, at: int) -> None:
    content = bytearray(array_archive.pack(ARRAYS))
    content[at : at + len(noise)] = noise
    with contextlib.suppress(InvalidArchive):
        array_archive.unpack(bytes(content))
