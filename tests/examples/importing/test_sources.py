"""Everyday files: other encodings, packed, hints of Excel, nameless columns, one column, headers in any case."""

import gzip
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from core.db import Database
from core.errors import ImportRefused
from core.examples import importing
from core.examples.importing.models import Undecided
from tests.examples.importing.files import as_csv, as_jsonl, execution, fingerprint, imported, only, stored, written

SAID = {"question": "Wo ist das Café?", "answer": "Neben der Brücke."}
TABLE = "question;answer\nWo ist das Café?;Neben der Brücke.\n"
LINES = '{"question": "Wo ist das Café?", "answer": "Neben der Brücke."}\n'
DOCUMENT = f"[{LINES.strip()}]"


@pytest.mark.parametrize("text", [TABLE, LINES, DOCUMENT], ids=["csv", "jsonl", "json"])
@pytest.mark.parametrize("encoding", ["windows-1252", "utf-16", "utf-16-le", "utf-16-be"])
def test_another_encoding_is_asked_about_with_the_text(
    database: Database, tmp_path: Path, text: str, encoding: str
) -> None:
    path = written(tmp_path, "file.txt", text.encode(encoding))
    before = fingerprint(database)
    for act in (imported, importing.preview):
        with pytest.raises(Undecided) as asked:
            act(database, path)
        assert asked.value.option == "encoding"
        (choice,) = asked.value.choices
        assert "Café" in asked.value.choices[choice]
        assert f"Say it with --encoding {choice}" in str(asked.value)
    assert fingerprint(database) == before
    imported(database, path, encoding=choice)
    row = only(database)
    assert (row["user_request"], row["execution_result"]) == (SAID["question"], SAID["answer"])


def test_any_encoding_can_be_named(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "file.csv", "question,answer\nПривет,Да\n".encode("windows-1251"))
    imported(database, path, encoding="windows-1251")
    assert only(database)["user_request"] == "Привет"
    for name in ("nothing", "rot13", "utf-8\0"):
        with pytest.raises(ImportRefused, match="is not an encoding that is known"):
            imported(database, path, encoding=name)
    with pytest.raises(ImportRefused, match="not ascii throughout"):
        imported(database, path, encoding="ascii")


def zstd(content: bytes) -> bytes:
    packed = pa.compress(content, codec="zstd", asbytes=True)
    assert isinstance(packed, bytes)
    return packed


@pytest.mark.parametrize(("pack", "ending"), [(gzip.compress, ".gz"), (zstd, ".zst"), (gzip.compress, "")])
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.json"])
def test_packed_files_are_unpacked_as_they_are_read(
    database: Database, tmp_path: Path, name: str, pack: Any, ending: str
) -> None:
    rows = [execution(number) for number in range(700)]
    plain = written(tmp_path, name, rows)
    path = written(tmp_path, name + ending, pack(plain.read_bytes()))
    seen: list[tuple[int, int, int]] = []
    preview = importing.preview(database, path, progress=lambda *told: seen.append(told))
    assert (preview.new, preview.format) == (700, name.split(".")[1])
    assert seen[-1] == (path.stat().st_size, path.stat().st_size, 700)
    assert imported(database, path).new == 700


@pytest.mark.parametrize("hint", [b"sep=;\r\n", b"\xef\xbb\xbfsep=;\n", b'"sep=;"\r\n', b"SEP=;\n"])
def test_the_hint_for_excel_is_not_the_header(database: Database, tmp_path: Path, hint: bytes) -> None:
    imported(database, written(tmp_path, "rows.csv", hint + b"question;answer\nWhat is 2+2, and why?;Four.\n"))
    assert only(database)["user_request"] == "What is 2+2, and why?"


@pytest.mark.parametrize(
    ("content", "unused"),
    [
        (b",question,answer\n0,1+2?,Three.\n", {"(column 1)": 1}),
        (b"question,answer,\n1+2?,Three.,\n", {}),
        (b"question,answer\n1+2?,Three.,,\n", {}),
        (b"question,,answer\n1+2?,x,Three.\n", {"(column 2)": 1}),
    ],
)
def test_a_nameless_column_is_left_aside_and_counted(
    database: Database, tmp_path: Path, content: bytes, unused: dict[str, int]
) -> None:
    assert imported(database, written(tmp_path, "rows.csv", content)).unused == unused
    assert (only(database)["user_request"], only(database)["execution_result"]) == ("1+2?", "Three.")


def test_a_table_may_have_one_column(database: Database, tmp_path: Path) -> None:
    messages = '[{"role": "user", "content": "Sky, or sea?"}, {"role": "assistant", "content": "Blue; both."}]'
    imported(database, written(tmp_path, "one.csv", as_csv([{"messages": messages}])))
    imported(database, written(tmp_path, "two.csv", b"user_request\nWrite a post, please\nAnother; one\n"))
    assert [row["user_request"] for row in stored(database)] == ["Sky, or sea?", "Write a post, please", "Another; one"]


@pytest.mark.parametrize(
    "row",
    [
        {"Question": "1+2?", "ANSWER": "3"},
        {" question ": "1+2?", "Answer": "3"},
        {"Prompt": "1+2?", "Completion": "3"},
        {"Instruction": "1+2?", "Output": "3"},
        {"User Request": "1+2?", "Execution-Result": "3"},
        {"Messages": '[{"role": "user", "content": "1+2?"}, {"role": "assistant", "content": "3"}]'},
    ],
)
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_headers_in_any_case_are_known(database: Database, tmp_path: Path, name: str, row: dict[str, Any]) -> None:
    result = imported(database, written(tmp_path, name, [row | {"Quality Score": "0.5", "Intent": "sums"}]))
    found = only(database)
    assert (found["user_request"], found["execution_result"]) == ("1+2?", "3")
    assert (found["quality_score"], found["intent"], result.unused) == (0.5, "sums", {})


def test_a_column_named_like_a_field_can_be_left_aside(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", [{"question": "1+2?", "answer": "3", "business_state": "busy"}])
    with pytest.raises(ImportRefused, match="field business_state: 'busy' is not a JSON object"):
        imported(database, path)
    assert imported(database, path, mapping={"business_state": ""}).unused == {"business_state": 1}
    with pytest.raises(ImportRefused, match="The request needs a column"):
        imported(database, path, mapping={"user_request": "", "business_state": ""})


def test_a_text_of_context_is_its_passage(database: Database, tmp_path: Path) -> None:
    rows = [
        {"id": "1", "context": "The shop opened in 1999.", "question": "When?", "answer": "In 1999."},
        {"id": "2", "context": '{"system": "Be brief."}', "question": "Who?", "answer": "Ana."},
        {"id": "3", "context": "[1] A note", "question": "What?", "answer": "A shop."},
    ]
    imported(database, written(tmp_path, "rows.csv", rows))
    contexts = [{"passage": "The shop opened in 1999."}, {"system": "Be brief."}, {"passage": "[1] A note"}]
    assert [row["context"] for row in stored(database)] == contexts


def test_an_arrow_file_of_hugging_face_is_read(database: Database, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    table = pa.Table.from_pylist([{"question": f"{n}?", "answer": "3"} for n in range(250)])
    with pa.ipc.new_stream(buffer, table.schema) as stream:
        stream.write_table(table)
    result = imported(database, written(tmp_path, "data-00000-of-00001.arrow", buffer.getvalue()))
    assert (result.new, result.format) == (250, "arrow")


def test_a_packed_file_changes_no_line_numbers(tmp_path: Path, database: Database) -> None:
    content = as_jsonl([{"question": "a", "answer": "b"}]) + b'{"question": "caf\xe9"}\n'
    with pytest.raises(Undecided, match=r"Row 2 .line 2. is not UTF-8: byte 0xe9 .*'.*café.*'; is this right"):
        imported(database, written(tmp_path, "rows.jsonl.gz", gzip.compress(content)))
