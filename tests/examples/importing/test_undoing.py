"""An import is taken back as one act, and nothing is lost by it."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core import audit
from core.db import Database
from core.db.tables import CONTENT, examples
from core.errors import Conflict, ImportRefused
from core.examples import importing, store, tagging
from tests.examples.importing.files import execution, imported, stored, written

KEPT = (*CONTENT, "quality_score", "source_score", "success", "source_agent", "source_digest", "created_at", "tags")


@pytest.fixture
def second_import(database: Database, tmp_path: Path) -> int:
    """Three examples, of which a second import changed two and to which it added one."""
    imported(database, written(tmp_path, "one.csv", [execution(number) for number in (1, 2, 3)]))
    rows = [execution(1, intent="other", quality_score="0.1"), execution(2, success="f"), execution(3), execution(4)]
    result = imported(database, written(tmp_path, "two.csv", rows))
    assert (result.new, result.changed, result.same) == (1, 2, 1)
    assert result.import_id is not None
    return result.import_id


def state(database: Database) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in ("execution_id", *KEPT)) for row in stored(database)]


def test_undo_withdraws_new_rows_and_restores_changed_ones(database: Database, second_import: int) -> None:
    imported_state = state(database)
    result = importing.undo(database, second_import, actor="bo", reason="wrong file")
    assert (result.rows, result.restored, result.left) == (1, 2, 0)
    one, two, three = stored(database)
    assert (one["intent"], one["quality_score"], two["success"], three["intent"]) == ("planning", 0.8, True, "planning")
    with database.connect() as connection:
        hidden = connection.execute(select(examples).where(examples.c.execution_id == "run-4")).one()
    assert hidden.withdrawn_at is not None
    importing.redo(database, second_import, actor="bo")
    assert state(database) == imported_state


def test_undo_and_redo_can_go_on_for_ever(database: Database, second_import: int) -> None:
    after = state(database)
    importing.undo(database, second_import, actor="bo")
    before = state(database)
    for _ in range(2):
        assert importing.redo(database, second_import, actor="bo").restored == 2
        assert state(database) == after
        assert importing.undo(database, second_import, actor="bo").restored == 2
        assert state(database) == before


def test_rows_that_somebody_changed_since_are_left_and_counted(database: Database, second_import: int) -> None:
    one, two, *_ = stored(database)
    store.edit(database, one["id"], {"user_request": "Mine"}, expected_revision=2, actor="ana", reason="clearer")
    store.set_score(database, two["id"], score=0.33, success=True, actor="ana", reason="read it")
    result = importing.undo(database, second_import, actor="bo")
    assert (result.rows, result.restored, result.left) == (1, 0, 2)
    one, two, *_ = stored(database)
    assert (one["user_request"], one["intent"], two["quality_score"]) == ("Mine", "other", 0.33)
    result = importing.redo(database, second_import, actor="bo")
    assert (result.rows, result.restored, result.left) == (1, 0, 2)
    assert stored(database)[0]["user_request"] == "Mine"


def test_tags_given_since_are_kept(database: Database, second_import: int) -> None:
    tagging.add_tags(database, [stored(database)[0]["id"]], {"MINE"}, actor="ana", reason="mine")
    assert importing.undo(database, second_import, actor="bo").restored == 2
    assert stored(database)[0]["tags"] == ["MINE", "PRODUCTION"]


def test_what_is_undone_cannot_be_undone_again(database: Database, second_import: int) -> None:
    with pytest.raises(Conflict, match=f"Import {second_import} is not undone"):
        importing.redo(database, second_import, actor="bo")
    importing.undo(database, second_import, actor="bo")
    with pytest.raises(Conflict, match=f"Import {second_import} was undone already by bo at"):
        importing.undo(database, second_import, actor="bo")
    with pytest.raises(ImportRefused, match="There is no import 999"):
        importing.undo(database, 999, actor="bo")


def test_undo_and_redo_stand_in_the_audit_log_and_in_the_list(database: Database, second_import: int) -> None:
    importing.undo(database, second_import, actor="bo", reason="wrong file")
    assert importing.imports(database)[0].undone_by == "bo"
    importing.redo(database, second_import, actor="cy")
    assert importing.imports(database)[0].undone_at is None
    lines = audit.entries(database, subject="import", subject_id=second_import)
    assert [(line.actor, line.action, line.reason) for line in lines[:2]] == [
        ("cy", "redo import", ""),
        ("bo", "undo import", "wrong file"),
    ]


def test_withdrawn_rows_that_come_again_are_new_again(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "runs.csv", [execution(1), execution(2)])
    first = imported(database, path)
    importing.undo(database, first.import_id or 0, actor="bo")
    assert stored(database) == []
    assert importing.preview(database, path).new == 2
    changed = written(tmp_path, "again.csv", [execution(1, intent="other"), execution(2)])
    again = imported(database, changed, tags=("AGAIN",))
    assert (again.new, again.changed, again.same) == (2, 0, 0)
    assert [row["intent"] for row in stored(database)] == ["other", "planning"]
    assert stored(database)[0]["tags"] == ["AGAIN", "PRODUCTION"]
    assert importing.undo(database, again.import_id or 0, actor="bo").rows == 2
    assert stored(database) == []
    assert importing.redo(database, first.import_id or 0, actor="bo").rows == 0
