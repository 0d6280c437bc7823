"""Several files, or a folder of them, are one import: in one transaction, with one undo."""

from pathlib import Path

import pytest

from core.db import Database
from core.errors import ImportRefused
from core.examples import importing
from core.examples.importing import ImportOptions
from tests.examples.importing.files import execution, fingerprint, stored, written


def test_several_files_are_one_import(database: Database, tmp_path: Path) -> None:
    one = written(tmp_path, "one.csv", [execution(1, quality_score="7"), execution(2, quality_score="9")])
    two = written(tmp_path, "two.jsonl", [execution(3, quality_score=1), execution(1, quality_score=7)])
    assert importing.preview(database, [one, two]).rows == 4
    result = importing.run(database, [one, two], actor="ana")
    assert (result.rows, result.new, result.duplicates, result.format) == (4, 3, 1, "csv, jsonl")
    assert [row["quality_score"] for row in stored(database)] == [0.7, 0.9, 0.1], "one scale for all of them"
    (record,) = importing.imports(database)
    assert record.file_name == "2 files: one.csv, two.jsonl"
    assert importing.undo(database, record.id, actor="ana").rows == 3


def test_one_failing_file_leaves_all_of_them_out(database: Database, tmp_path: Path) -> None:
    good = written(tmp_path, "good.csv", [execution(1), execution(2)])
    bad = written(tmp_path, "bad.csv", [execution(3), execution(4, success="perhaps")])
    before = fingerprint(database)
    with pytest.raises(ImportRefused, match=r"Row 2, field success of bad.csv: 'perhaps'"):
        importing.run(database, [good, bad], actor="ana")
    bad = written(tmp_path, "bad.csv", [execution(3, quality_score="8")])
    with pytest.raises(ImportRefused, match=r"Row 1, field quality_score of bad.csv: 8.0 is not at most 1"):
        importing.run(database, [good, bad], ImportOptions(quality_scale="1"), actor="ana")
    assert fingerprint(database) == before


def test_a_folder_of_hugging_face_is_read(database: Database, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / ".cache").mkdir()
    for number in (1, 2):
        written(tmp_path / "data", f"train-0000{number}-of-00002.parquet", [execution(number)])
    written(tmp_path, "dataset_info.json", b'{"splits": {}}')
    written(tmp_path, "README.md", b"# Data")
    written(tmp_path / ".cache", "old.csv", [execution(9)])
    result = importing.run(database, tmp_path, actor="ana")
    assert (result.rows, result.new) == (2, 2)
    assert importing.imports(database)[0].file_name == tmp_path.name


def test_files_of_a_folder_that_are_not_read_are_counted(database: Database, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name in ("images/a.png", "images/b.PNG", "notes.docx", "Makefile", "README.md", "LICENSE", ".DS_Store"):
        written(tmp_path, name, b"x")
    written(tmp_path, "rows.csv", [execution(1)])
    expected = {"files that end in .png": 2, "files that end in .docx": 1, "files without an ending": 1}
    assert importing.preview(database, tmp_path).unused == expected
    assert importing.run(database, tmp_path, actor="ana").unused == expected
    assert importing.preview(database, [tmp_path / "rows.csv", tmp_path / "rows.csv"]).unused == {}


def test_the_answers_of_a_batch_find_their_requests(database: Database, tmp_path: Path) -> None:
    asked = [
        {
            "custom_id": str(n),
            "method": "POST",
            "body": {"model": "gpt", "messages": [{"role": "user", "content": f"{n}?"}]},
        }
        for n in range(3)
    ]
    answered = [
        {
            "custom_id": str(n),
            "response": {"body": {"choices": [{"message": {"role": "assistant", "content": f"{n}!"}}]}},
        }
        for n in (1, 0)
    ]
    paths = [written(tmp_path, "output.jsonl", answered), written(tmp_path, "input.jsonl", asked)]
    result = importing.run(database, paths, actor="ana")
    assert (result.rows, result.new, result.aside) == (3, 2, 1)
    assert result.unused["requests of a batch without an answer"] == 1
    assert [(row["user_request"], row["execution_result"]) for row in stored(database)] == [("1?", "1!"), ("0?", "0!")]


def test_of_several_files_the_one_that_is_refused_is_named(database: Database, tmp_path: Path) -> None:
    good = written(tmp_path, "good.csv", [{"question": "a", "answer": "b"}])
    odd = written(tmp_path, "odd.csv", [{"foo": "a", "bar": "b"}])
    with pytest.raises(ImportRefused, match=r"^odd.csv: Nothing says which"):
        importing.run(database, [good, odd], actor="ana")
