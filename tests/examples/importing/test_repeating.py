"""The same file again changes nothing; a new state of a record changes exactly that."""

from pathlib import Path

import pytest
from sqlalchemy import select

from core import audit
from core.db import Database
from core.db.tables import examples, revisions
from core.errors import ImportRefused
from core.examples import importing, store
from core.examples.importing import ImportOptions
from tests.examples.importing.files import execution, fingerprint, imported, only, stored, written


@pytest.mark.parametrize("name", ["runs.csv", "runs.json", "runs.jsonl", "runs.parquet"])
def test_the_same_file_again_changes_nothing(database: Database, tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name, [execution(1), execution(2, quality_score="7.5")])
    imported(database, path)
    before = fingerprint(database)
    result = imported(database, path)
    assert (result.import_id, result.new, result.changed, result.same) == (None, 0, 0, 2)
    assert fingerprint(database) == before


def test_the_same_records_in_another_format_are_the_same(database: Database, tmp_path: Path) -> None:
    imported(database, written(tmp_path, "runs.csv", [execution()]))
    assert imported(database, written(tmp_path, "runs.jsonl", [execution()])).same == 1
    assert imported(database, written(tmp_path, "runs.parquet", [execution()])).same == 1


def test_a_record_without_a_moment_is_the_same_a_day_later(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "rows.jsonl", [{"question": "a", "answer": "b"}])
    imported(database, path)
    assert imported(database, path).same == 1


def test_what_was_edited_here_is_not_undone_by_the_same_file(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "runs.csv", [execution()])
    imported(database, path)
    example = only(database)
    store.edit(database, example["id"], {"user_request": "Better"}, expected_revision=1, actor="ana", reason="clearer")
    assert imported(database, path).same == 1
    assert only(database)["user_request"] == "Better"


def test_a_record_that_its_source_changed_is_changed_and_keeps_its_revision(database: Database, tmp_path: Path) -> None:
    imported(database, written(tmp_path, "one.csv", [execution(1), execution(2)]))
    changed = execution(1, execution_result="Four posts.", quality_score="0.9", tags="{NEW}")
    result = imported(database, written(tmp_path, "two.csv", [changed, execution(2)]), tags=("ALSO",))
    assert (result.new, result.changed, result.same) == (0, 1, 1)
    row = stored(database)[0]
    assert (row["execution_result"], row["quality_score"], row["revision"]) == ("Four posts.", 0.9, 2)
    assert row["tags"] == ["PRODUCTION"], "tags of an example that was there are never touched"
    with database.connect() as connection:
        kept = connection.execute(select(revisions)).one()
    assert (kept.execution_result, kept.replaced_by) == ("Three posts were planned.", "ana")
    assert "two.csv" in kept.reason


def test_a_new_score_alone_makes_no_revision(database: Database, tmp_path: Path) -> None:
    imported(database, written(tmp_path, "runs.csv", [execution()]))
    assert imported(database, written(tmp_path, "runs.csv", [execution(quality_score="0.1")])).changed == 1
    assert (only(database)["quality_score"], only(database)["revision"]) == (0.1, 1)


def test_equal_repeats_inside_a_file_are_one_example(database: Database, tmp_path: Path) -> None:
    result = imported(database, written(tmp_path, "runs.csv", [execution(), execution(), execution(tags="{X}")]))
    assert (result.rows, result.new, result.duplicates) == (3, 1, 2)
    assert only(database)["tags"] == ["PRODUCTION"]


def test_a_preview_foresees_exactly_what_the_import_does(database: Database, tmp_path: Path) -> None:
    imported(database, written(tmp_path, "one.csv", [execution(1), execution(2)]))
    rows = [execution(1), execution(2, intent="other"), execution(3), execution(3), execution(4, execution_plan="ok")]
    rows[4]["execution_result"] = "success"
    path = written(tmp_path, "two.csv", rows)
    before = fingerprint(database)
    seen: list[tuple[int, int, int]] = []
    preview = importing.preview(database, path, ImportOptions(), progress=lambda *told: seen.append(told))
    assert fingerprint(database) == before
    assert seen[-1] == (path.stat().st_size, path.stat().st_size, 5)
    assert (preview.new, preview.changed, preview.same, preview.duplicates) == (2, 1, 1, 1)
    assert preview.nothing_to_learn == 1
    assert [row["execution_id"] for row in preview.sample] == ["run-1", "run-2", "run-3", "run-4"]
    result = imported(database, path)
    assert (result.new, result.changed, result.same, result.duplicates) == (2, 1, 1, 1)


def test_an_import_is_recorded_with_who_what_and_how(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "runs.csv", [execution()])
    result = imported(database, path, tags=("TEST",))
    (record,) = importing.imports(database)
    assert (record.id, record.actor, record.file_name, record.new) == (result.import_id, "ana", "runs.csv", 1)
    assert record.options == {"tags": ["TEST"], "scale": "1", "shape": "executions"}
    assert len(record.file_sha256) == 32
    (line,) = audit.entries(database, subject="import", subject_id=record.id)
    assert (line.actor, line.action, line.row_count) == ("ana", "import", 1)
    assert only(database)["tags"] == ["PRODUCTION", "TEST"]


def test_a_cancelled_import_leaves_nothing(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "runs.csv", [execution(number) for number in range(5_000)])
    before = fingerprint(database)
    with pytest.raises(ImportRefused, match="cancelled after 2,000 rows; nothing was changed"):
        importing.run(database, path, actor="ana", cancelled=lambda: True)
    assert fingerprint(database) == before


def test_ids_follow_the_order_of_the_file(database: Database, tmp_path: Path) -> None:
    imported(database, written(tmp_path, "runs.csv", [execution(number) for number in (3, 1, 2)]))
    with database.connect() as connection:
        order = connection.execute(select(examples.c.execution_id).order_by(examples.c.id)).scalars().all()
    assert order == ["run-3", "run-1", "run-2"]
