"""What a file holds that becomes no field is named, with the number of rows that have it."""

from pathlib import Path

import orjson
import pytest

from core.db import Database
from core.errors import ImportRefused
from core.examples import importing
from tests.examples.importing.files import imported, written

ROWS = [
    {"question": "1+2?", "answer": "3", "topic": "sums", "note": ""},
    {"question": "2+2?", "answer": "4", "topic": "sums", "note": "easy"},
    {"question": "3+3?", "answer": "6", "topic": "", "note": ""},
]


@pytest.mark.parametrize("name", ["rows.csv", "rows.json", "rows.jsonl", "rows.parquet"])
def test_columns_that_become_no_field_are_counted(database: Database, tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name, ROWS)
    assert importing.preview(database, path).unused == {"topic": 2, "note": 1}
    assert imported(database, path).unused == {"topic": 2, "note": 1}


def test_a_column_that_is_mapped_is_used(database: Database, tmp_path: Path) -> None:
    result = imported(database, written(tmp_path, "rows.csv", ROWS), mapping={"intent": "topic"})
    assert result.unused == {"note": 1}


def test_what_the_shape_reads_is_used(database: Database, tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "1+2?"}, {"role": "assistant", "content": "3"}]
    rows = [{"messages": messages, "system": "Count.", "rank": 7, "empty": None, "none": []}]
    assert imported(database, written(tmp_path, "rows.jsonl", rows)).unused == {"rank": 1}


def test_rows_that_fail_are_not_counted_twice(database: Database, tmp_path: Path) -> None:
    rows = [{"user_request": "a", "topic": "x"}, {"user_request": "", "topic": "x"}]
    result = imported(database, written(tmp_path, "rows.csv", rows), skip_invalid=True)
    assert (result.skipped, result.unused) == (1, {"topic": 1})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", b"question,answer\na,b\n,\n ,\t\n"),
        ("rows.json", b'[{"question": "a", "answer": "b"}, {"question": "", "answer": null}, {"question": null}]'),
        (
            "chats.csv",
            b'messages,n\n"[{""role"":""user"",""content"":""a""},{""role"":""assistant"",""content"":""b""}]",1\n,\n,\n',
        ),
    ],
)
def test_rows_that_hold_nothing_are_put_aside_and_counted(
    database: Database, tmp_path: Path, name: str, content: bytes
) -> None:
    """Below the table of a spreadsheet there often are some."""
    result = imported(database, written(tmp_path, name, content))
    assert (result.rows, result.new, result.aside, result.unused["empty rows"]) == (3, 1, 2, 2)


@pytest.mark.parametrize(
    ("columns", "likely"),
    [
        (("row_id", "text", "lang"), "text"),
        (("message_id", "role", "user_message"), "user_message"),
        (("post_id", "Eingabe", "Antwort"), "Eingabe"),
        (("id", "first question", "reply"), '"first question"'),
    ],
)
def test_the_hint_names_the_column_that_most_likely_holds_the_request(
    database: Database, tmp_path: Path, columns: tuple[str, ...], likely: str
) -> None:
    with pytest.raises(ImportRefused) as refused:
        imported(database, written(tmp_path, "rows.jsonl", [dict.fromkeys(columns, "x")]))
    assert f"for example --map user_request={likely}." in str(refused.value)


def test_another_delimiter_is_asked_about_only_where_there_may_be_one(database: Database, tmp_path: Path) -> None:
    for name, is_asked in (("one.csv", True), ("one.jsonl", False), ("one.json", False)):
        with pytest.raises(ImportRefused) as refused:
            imported(database, written(tmp_path, name, [{"words": "a"}]))
        assert ("another delimiter" in str(refused.value)) == is_asked


def test_other_lists_of_an_object_that_holds_the_rows_are_counted(database: Database, tmp_path: Path) -> None:
    row = {"question": "a", "answer": "b", "parts": [{"k": 1}]}
    whole = {
        "version": 1,
        "features": [{}],
        "test": [row, row],
        "data": [row],
        "rows": [row],
        "ids": [1],
        "o": {"x": [{}]},
    }
    path = written(tmp_path, "rows.json", orjson.dumps(whole))
    expected = {"parts": 1, "test, a list beside the rows": 2, "rows, a list beside the rows": 1}
    assert importing.preview(database, path).unused == expected
    assert imported(database, path).unused == expected
