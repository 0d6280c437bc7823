"""Files made to harm: bombs, pits, pipes, and files that change under the reader. Each is told in a sentence, in little
memory, and the database is as before."""

import gzip
import io
import os
import re
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.db import Database
from core.errors import ImportRefused
from core.examples import importing
from core.examples.importing.reading import parquet_pages, sources
from tests.examples.importing.files import as_csv, as_jsonl, as_parquet, execution, fingerprint, imported, written

ROOT = Path(__file__).parents[2]
MIB = 1 << 20
#: What an import of any file may take; an ordinary one takes 105.
MEMORY_MIB = 700

#: Imports a file, and says how, and how much memory it took at most.
PROGRAM = r"""
import re, sys
from pathlib import Path
from core.db import Database
from core.errors import ImportRefused
from core.examples import importing

try:
    said = f"imported {importing.run(Database(sys.argv[1]), sys.argv[2], actor='ana').new}"
except ImportRefused as error:
    said = str(error)
peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
print(int(peak[1]) >> 10, said)
"""


def apart(database: Database, path: Path) -> tuple[int, str]:
    """The peak of memory in MiB of a process that imports the file, and what it said."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, database.url, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    peak, _, said = done.stdout.strip().partition(" ")
    return int(peak), said


def parquet(path: Path, columns: dict[str, pa.Array], **options: object) -> Path:
    pq.write_table(pa.table(columns), path, compression="zstd", **options)
    return path


def one_page(path: Path) -> Path:
    """300 MiB in one page of one column, in a file of some kilobytes."""
    text = pa.array(["x" * MIB] * 300)
    return parquet(
        path,
        {"question": pa.array(["why?"] * 300), "answer": text},
        use_dictionary=False,
        data_page_size=1 << 30,
        write_batch_size=300,
    )


def one_value(path: Path) -> Path:
    """A value of 1 MiB and a letter, repeated 1,000 times in two columns: 2 GB in a file of some kilobytes."""
    again = pa.DictionaryArray.from_arrays(pa.array([0] * 1000), pa.array(["x" * (MIB + 1)]))
    return parquet(path, {"question": again, "answer": again})


def one_field(path: Path) -> Path:
    return parquet(path, {"question": pa.array(["why?"]), "answer": pa.array(["x" * (200 * MIB)])})


def one_allowed_field(path: Path) -> Path:
    """As large as a page may be; it is in memory as bytes and as text."""
    return parquet(path, {"question": pa.array(["why?"]), "answer": pa.array(["x" * (100 * MIB)])})


def in_csv(path: Path) -> Path:
    path.write_bytes(b"question,answer\nwhy?," + b"x" * (200 * MIB) + b"\n")
    return path


def in_csv_lines(path: Path) -> Path:
    path.write_bytes(b'question,answer\nwhy?,"' + (b"x" * 99 + b"\n") * (2 * MIB) + b'"\n')
    return path


def in_many_quoted_fields(path: Path) -> Path:
    """No field is too long, no line is: the row is."""
    path.write_bytes(b"a,b\n" + b",".join([b'"' + (b"x" * 99 + b"\n") * 10_000 + b'"'] * 200) + b"\n")
    return path


def in_jsonl(path: Path) -> Path:
    path.write_bytes(b'{"question": "why?", "answer": "' + b"x" * (200 * MIB) + b'"}\n')
    return path


def in_json(path: Path) -> Path:
    path.write_bytes(b'[{"question": "why?", "answer": "' + b"x" * (200 * MIB) + b'"}]')
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the peak of memory")
@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("page.parquet", one_page, r"unpacks to 300 MiB at once in its column 'answer'.*row_group_size"),
        ("value.parquet", one_value, r"Row 1, field user_request.*1,048,577 long.*1 MiB"),
        ("field.parquet", one_field, r"unpacks to 200 MiB at once in its column 'answer'"),
        ("allowed.parquet", one_allowed_field, r"Row 1, field execution_result.*104,857,600 long.*1 MiB"),
        ("field.csv", in_csv, r"Row 1 .line 2. is longer than 16 MiB without a line break"),
        ("lines.csv", in_csv_lines, r"Row 1 .line \d+. is longer than 16 MiB; perhaps a quoted field is never closed"),
        ("fields.csv", in_many_quoted_fields, r"Row 1 .line \d+. is longer than 16 MiB; perhaps a quoted field"),
        ("field.jsonl", in_jsonl, r"Row 1 .line 1. is longer than 16 MiB without"),
        ("field.json", in_json, r"Row 1 is longer than 16 MiB"),
    ],
)
def test_what_unpacks_to_gigabytes_takes_little_memory(
    database: Database, tmp_path: Path, name: str, make: Callable[[Path], Path], words: str
) -> None:
    before = fingerprint(database)
    peak, said = apart(database, make(tmp_path / name))
    assert re.search(words, said), said
    assert fingerprint(database) == before
    assert peak < MEMORY_MIB


def test_pages_are_measured_as_they_were_written(tmp_path: Path) -> None:
    path = parquet(
        tmp_path / "some.parquet",
        {"many": pa.array(["x" * 1_000 + str(n) for n in range(2_000)]), "one": pa.array(["y" * 5_000] * 2_000)},
        row_group_size=700,
        use_dictionary=["one"],
        data_page_size=1 << 30,
        write_batch_size=1 << 20,
    )
    many, one = parquet_pages.largest(path, pq.ParquetFile(path).metadata)
    assert (many.column, one.column) == ("many", "one")
    assert 700 * 1_004 < many.page < 700 * 1_010
    assert many.dictionary == 0
    assert one.dictionary == 5_004


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd"])
def test_ordinary_parquet_is_read_whatever_its_pages_are(
    database: Database, tmp_path: Path, version: str, compression: str
) -> None:
    rows = [execution(number, execution_result="It was done. " * number) for number in range(1, 400)]
    path = tmp_path / "runs.parquet"
    pq.write_table(
        pa.Table.from_pylist(rows),
        path,
        compression=compression,
        data_page_version=version,
        row_group_size=90,
        data_page_size=1_000,
    )
    assert imported(database, path).new == 399


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("deep.json", b'[{"question": "a", "answer": %b}]' % DEEP.encode(), "100 levels"),
        ("deep.json", DEEP.encode(), "100 levels|JSON object"),
        (
            "deep.json",
            b'{"data": [{"question": "a", "answer": %b}]}' % (b'{"a": ' * 100_000),
            "cannot be read at row 1",
        ),
        ("deep.json", b'{"other": %b, "data": [{"question": "a"}]}' % DEEP.encode(), "user_request|answer|cut|new"),
        ("deep.jsonl", b'{"question": "a", "answer": %b}\n' % DEEP.encode(), "100 levels"),
        ("deep.csv", as_csv([execution(business_state='{"a": ' + DEEP + "}")]), "Row 1, field business_state.*100 l"),
        ("deep.csv", as_csv([execution(tags=DEEP)]), "Row 1, field tags"),
        ("deep.parquet", as_parquet([execution(business_state='{"a": ' + DEEP + "}")]), "business_state.*100 levels"),
    ],
)
def test_json_nested_100000_deep_is_told(
    database: Database, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    try:
        said = f"{imported(database, written(tmp_path, name, content)).new} new"
    except ImportRefused as error:
        said = str(error)
    assert re.search(words, said), said


@pytest.mark.parametrize("name", ["wide.csv", "wide.jsonl", "wide.json", "wide.parquet"])
def test_ten_thousand_columns_are_read_or_told(database: Database, tmp_path: Path, name: str) -> None:
    """What is in columns that nobody asks for is left alone."""
    row = execution() | {f"column {number}": "x" for number in range(10_000)}
    to_bytes = {"csv": as_csv, "jsonl": as_jsonl, "json": orjson.dumps, "parquet": as_parquet}
    path = written(tmp_path, name, to_bytes[name.partition(".")[2]]([row]))
    assert len(importing.inspect(path).columns) >= 10_000
    assert imported(database, path).new == 1


def packed_rows(how: str) -> bytes:
    """Rows that unpack to far more than any text does: 8 MiB of them in a few kB."""
    rows = as_jsonl([execution()]) + as_jsonl([execution() | {"execution_id": "x", "execution_result": "a" * MIB}]) * 8
    return gzip.compress(rows, 9) if how == "gzip" else pa.compress(rows, "zstd", asbytes=True)


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("runs.xz", lambda: b"\xfd7zXZ\x00rest", "compressed with xz"),
        ("runs.7z", lambda: b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    ],
)
def test_archives_are_not_unpacked(
    database: Database, tmp_path: Path, name: str, make: Callable[[], bytes], words: str
) -> None:
    with pytest.raises(ImportRefused, match=words):
        imported(database, written(tmp_path, name, make()))


@pytest.mark.parametrize(("how", "ending"), [("gzip", "gz"), ("zstd", "zst")])
def test_what_unpacks_to_more_than_any_text_is_refused(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, ending: str
) -> None:
    path = written(tmp_path, f"runs.jsonl.{ending}", packed_rows(how))
    assert imported(database, path).new == 2  # less than a gigabyte is unpacked whatever it came from
    monkeypatch.setattr(sources, "_UNPACKED_LIMIT", 4 * MIB)
    with pytest.raises(ImportRefused, match="unpacks to more than 200 times its size"):
        imported(database, path)


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("runs.csv", content)
    return buffer.getvalue()


@pytest.mark.parametrize(("name", "pack"), [("runs.csv.gz", gzip.compress), ("runs.zip", zipped)])
def test_packed_zeros_are_no_text(
    database: Database, tmp_path: Path, name: str, pack: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(ImportRefused, match="NUL byte"):
        imported(database, written(tmp_path, name, pack(bytes(64 * MIB))))


@pytest.fixture
def no_files(tmp_path: Path) -> Iterator[Path]:
    if sys.platform == "win32":
        pytest.skip("has other kinds of files")
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "nothing.csv").symlink_to(tmp_path / "gone.csv")
    (tmp_path / "device.csv").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(tmp_path)  # the path of a socket may have 107 bytes
        try:
            listening.bind("socket.csv")
        finally:
            os.chdir(here)
        yield tmp_path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("folder.csv", "'folder.csv' (is a folder, not a file|holds no file to import)"),
        ("pipe.csv", "'pipe.csv' is a pipe, not a file; write what comes out of it to a file"),
        ("socket.csv", "'socket.csv' is a socket, not a file"),
        ("device.csv", "'device.csv' is a device, not a file"),
        ("nothing.csv", "There is no file 'nothing.csv'"),
        ("x" * 300, "cannot be read: File name too long"),
    ],
)
def test_what_is_no_file_is_called_what_it_is(database: Database, no_files: Path, name: str, words: str) -> None:
    for act in (
        lambda path: imported(database, path),
        importing.inspect,
        lambda path: importing.preview(database, path),
    ):
        with pytest.raises(ImportRefused, match=words):
            act(no_files / name)


def cut(path: Path) -> None:
    """Where a row ends, so that what is left is a whole file again."""
    content = path.read_bytes()
    ending = content.rindex(b"\n", 0, len(content) * 3 // 4) + 1 if path.suffix != ".parquet" else len(content) // 2
    os.truncate(path, ending)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(path.read_bytes()[-200:])


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"q")


@pytest.mark.parametrize("name", ["runs.csv", "runs.jsonl", "runs.parquet"])
@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (cut, "became shorter while it was read|cannot be read|broke"),
        (append, "grew while it was read|cannot be read"),
        (overwrite, "was changed while it was read"),
    ],
)
def test_a_file_that_changes_under_the_reader_is_refused(
    database: Database, tmp_path: Path, name: str, harm: Callable[[Path], None], words: str
) -> None:
    path = written(tmp_path, name, [execution(number, execution_result="done " * 300) for number in range(6_000)])
    before = fingerprint(database)

    def tell(done: int, size: int, rows: int) -> None:
        if rows == 2_000:
            harm(path)

    with pytest.raises(ImportRefused, match=words):
        importing.run(database, path, actor="ana", progress=tell)
    assert fingerprint(database) == before


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be deleted there")
@pytest.mark.parametrize("name", ["runs.csv", "runs.jsonl"])
def test_a_file_that_is_deleted_meanwhile_is_imported_whole(database: Database, tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name, [execution(number) for number in range(3_000)])
    told = importing.run(database, path, actor="ana", progress=lambda done, size, rows: path.unlink(missing_ok=True))
    assert told.new == 3_000
    with pytest.raises(ImportRefused, match=f"There is no file '{name}'"):
        imported(database, path)
