"""What a file holds that becomes no field is named, with the number of rows that have it."""

from pathlib import Path

import pytest

from core.db import Database
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
