import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.services import table_files
from learning.services.table_files import InvalidFile, Record, Table


def records(content: bytes) -> list[Record]:
    return list(Table(table_files.from_bytes(content, "file")).records())


def test_csv_is_read_by_its_header_with_the_line_each_row_begins_on() -> None:
    content = b'Prompt, MODEL\n"two\nlines",a\n\nx,b\n'
    assert records(content) == [
        Record(2, {"prompt": "two\nlines", "model": "a"}),
        Record(5, {"prompt": "x", "model": "b"}),
    ]


def test_byte_order_mark_and_windows_line_ends_do_not_count() -> None:
    assert records("\ufeffprompt,model\r\né,a\r\n".encode()) == [Record(2, {"prompt": "é", "model": "a"})]


def test_json_lines_are_read_with_their_digits() -> None:
    found = records(b'\n{"cost": 0.10}\n{"cost": 1e999}\n')
    assert [(record.line, str(record.values["cost"])) for record in found] == [(2, "0.10"), (3, "1E+999")]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"5",
        b'{"a": NaN}',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"a": 1e99999999999999999999}',
    ],
)
def test_line_that_is_no_json_object_is_a_problem_of_its_row(line: bytes) -> None:
    found = records(b'{"a": 1}\n' + line + b'\n{"a": 2}')
    assert [bool(record.problem) for record in found] == [False, True, False]
    assert found[1].line == 2


def test_row_with_other_fields_than_the_header_is_a_problem_of_its_row() -> None:
    found = records(b"a,b\n1\n1,2,3\n1,2\n")
    assert [record.problem for record in found] == [
        "The row has 1 fields, the header 2.",
        "The row has 3 fields, the header 2.",
        "",
    ]


def test_field_of_ten_megabytes_is_read_and_the_rows_after_it_too() -> None:
    found = records(b'a,b\n"' + b"x" * 10_000_000 + b'",1\n2,3\n')
    assert [len(record.values["a"]) for record in found] == [10_000_000, 1]


def test_bytes_that_are_no_utf8_reach_the_row_as_what_no_row_may_hold() -> None:
    assert records(b"a,b\n\xff,1\n")[0].values["a"] == "\udcff"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"\x00\x01\x02", "is no text"),
        (b'[{"a": 1}]', "is a JSON list"),
        (b'a,b\n1,"open\n', "no valid CSV from line 2 on"),
        (b'a,b\n1,2\n"x"y,2\n', "no valid CSV from line 3 on"),
        (gzip.compress(b"a,b\n1,2\n" * 50, mtime=0)[:-20], "damaged gzip"),
        (b"\x1f\x8bnot really", "damaged gzip"),
        (b"a\n" + b"x" * (table_files.MAX_LINE_BYTES + 1), "line 2 is longer than"),
    ],
)
def test_file_that_cannot_be_read_on_says_why(content: bytes, why: str) -> None:
    with pytest.raises(InvalidFile, match=why):
        records(content)


def test_gzip_bomb_is_given_up_early() -> None:
    # 300 MB in about 300 kB.
    bomb = gzip.compress(b"a,b\n" + (b"1" * 4_000 + b",2\n") * 262, 9, mtime=0) * 300
    table = Table(table_files.from_bytes(bomb, "bomb.gz"))

    def read() -> Iterator[int]:
        for number, _ in enumerate(table.records()):
            yield number

    with pytest.raises(InvalidFile, match="unpacks to more than 250 times its size"):
        max(read())


def test_packed_copy_has_the_hash_of_the_plain_one() -> None:
    content = b"a,b\n1,2\n"
    tables = [Table(table_files.from_bytes(bytes_, "f")) for bytes_ in (content, gzip.compress(content, mtime=0))]
    assert [[record.values for record in table.records()] for table in tables] == [[{"a": "1", "b": "2"}]] * 2
    assert tables[0].sha256 == tables[1].sha256


def test_progress_is_told_to_the_last_byte() -> None:
    told: list[int] = []
    content = b"a,b\n" + b"1,2\n" * 2_000
    for _ in Table(table_files.from_bytes(content, "f"), progress=told.append).records():
        pass
    assert told == sorted(told)
    assert told[-1] == len(content)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"none\.csv cannot be read: No such file"):
        table_files.from_path(tmp_path / "none.csv")
    with pytest.raises(InvalidFile, match="is a folder"):
        table_files.from_path(tmp_path)


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_rows_or_refused(content: bytes) -> None:
    try:
        found = records(content)
    except InvalidFile:
        return
    assert all(record.line >= 1 for record in found)
