"""Arrow files: streams and files (Feather), packed or not; what would take too much memory is refused unread."""

import io
import struct
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest

from core.db import Database
from core.errors import ImportRefused
from core.examples import importing
from core.examples.importing.reading import arrow_batches
from tests.examples.importing.files import imported, stored

MIB = 1 << 20
QUESTIONS = pa.table({"question": ["Why?", "How?"], "answer": ["Because.", "Like this."]})


def arrow(table: pa.Table, *, kind: str = "stream", packed: str | None = "zstd", rows: int | None = None) -> bytes:
    buffer = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=packed)
    new = pa.ipc.new_stream if kind == "stream" else pa.ipc.new_file
    with new(buffer, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rows)
    return buffer.getvalue()


def written(folder: Path, content: bytes, name: str = "rows.arrow") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def refusal(database: Database, path: Path) -> str:
    with pytest.raises(ImportRefused) as error:
        importing.run(database, path, actor="ada")
    assert stored(database) == []
    return str(error.value)


@pytest.mark.parametrize("kind", ["stream", "file"])
@pytest.mark.parametrize("packed", [None, "zstd", "lz4"])
@pytest.mark.parametrize("name", ["rows.arrow", "rows.feather", "rows"])
def test_streams_and_files_packed_or_not_are_read(
    database: Database, tmp_path: Path, kind: str, packed: str | None, name: str
) -> None:
    if kind == "stream" and name == "rows":
        return  # nothing at its beginning says what it is
    path = written(tmp_path, arrow(QUESTIONS, kind=kind, packed=packed, rows=1), name)
    result = imported(database, path)
    assert (result.format, result.new) == ("arrow", 2)
    assert [row["execution_result"] for row in stored(database)] == ["Because.", "Like this."]


@pytest.mark.parametrize("kind", ["stream", "file"])
def test_a_batch_that_says_it_unpacks_to_gigabytes_is_refused_before_it_does(
    database: Database, tmp_path: Path, kind: str
) -> None:
    honest = arrow(pa.table({"question": ["x" * MIB, "Why?"], "answer": ["No.", "Yes."]}), kind=kind)
    size = struct.pack("<q", MIB + len("Why?"))
    assert honest.count(size) == 1
    said = refusal(database, written(tmp_path, honest.replace(size, struct.pack("<q", 3 << 30))))
    assert said.startswith("The Arrow file unpacks to 3,072 MiB at once, and 256 MiB are allowed")
    assert "max_chunksize=1000" in said


def test_a_batch_whose_body_is_said_to_be_gigabytes_is_refused(database: Database, tmp_path: Path) -> None:
    honest = arrow(pa.table({"question": ["x" * MIB], "answer": ["No."]}), packed=None)
    size = struct.pack("<q", next(body.size for body in _bodies(honest)))
    said = refusal(database, written(tmp_path, honest.replace(size, struct.pack("<q", 1 << 40), 1)))
    assert "unpacks to 1,048,576 MiB at once" in said


def _bodies(content: bytes) -> list[pa.Buffer]:
    return [message.body for message in pa.ipc.MessageReader.open_stream(content) if message.body]


def test_all_dictionaries_count_with_the_batch(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [letter * (MIB // 2) for letter in "abc"]
    columns = {name: pa.array(words).dictionary_encode() for name in ("question", "answer", "execution_plan")}
    path = written(tmp_path, arrow(pa.table(columns)))
    assert imported(database, path).new == 3
    monkeypatch.setattr(arrow_batches, "BATCH_LIMIT", 4 * MIB)
    with pytest.raises(ImportRefused, match="at once, and 4 MiB are allowed"):
        importing.preview(database, path)
    many = pa.table({name: ["x" * 1000] * 10_000 for name in ("question", "answer")})
    assert importing.preview(database, written(tmp_path, arrow(many, rows=1_000))).rows == 10_000
    with pytest.raises(ImportRefused, match="unpacks to 19 MiB at once"):
        importing.preview(database, written(tmp_path, arrow(many)))


@pytest.mark.parametrize("how", ["dictionary", "run-end"])
def test_a_value_that_many_rows_repeat_is_not_copied_for_all_of_them_at_once(
    database: Database, tmp_path: Path, how: str
) -> None:
    long, rows = "x" * (4 * MIB), 150
    values = (
        pa.DictionaryArray.from_arrays(pa.array([0] * rows), pa.array([long]))
        if how == "dictionary"
        else pa.RunEndEncodedArray.from_arrays(pa.array([rows], pa.int32()), pa.array([long]))
    )
    path = written(tmp_path, arrow(pa.table({"question": pa.array(["Why?"] * rows), "answer": values})))
    assert path.stat().st_size < MIB
    tracemalloc.start()
    try:
        said = refusal(database, path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "at most 1,048,576 characters" in said
    assert peak < 200 * MIB


def test_offsets_that_lead_out_of_the_batch_are_refused(database: Database, tmp_path: Path) -> None:
    honest = arrow(QUESTIONS, packed=None)
    offsets = struct.pack("<iii", 0, 4, 8)
    assert honest.count(offsets) == 1
    said = refusal(database, written(tmp_path, honest.replace(offsets, struct.pack("<iii", 0, 1 << 28, 8))))
    assert said.startswith("The Arrow file cannot be read at row 1")


@pytest.mark.parametrize("place", range(0, 600, 7))
def test_a_file_that_is_cut_or_broken_anywhere_is_a_sentence(database: Database, tmp_path: Path, place: int) -> None:
    whole = arrow(QUESTIONS)
    for number, content in enumerate((whole[:place], whole[:place] + b"\xff\x7f" + whole[place + 2 :])):
        path = written(tmp_path, content, f"{number}.arrow")
        with suppress(ImportRefused):  # anything else is a bug
            importing.preview(database, path)
