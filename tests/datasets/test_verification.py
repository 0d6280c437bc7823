"""Verify finds whatever differs from what was frozen, and says where."""

import pytest
from sqlalchemy import update

from core.datasets import verification, versions
from core.datasets.verification import verify
from core.db import Database
from core.db.tables import examples
from core.errors import DatasetRefused
from tests.datasets.conftest import Add
from tests.datasets.test_snapshots import create


def test_a_version_is_as_it_was_frozen_after_edits(
    database: Database, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "BATCH", 7)
    ids = add(30)
    version = create(database)
    with database.begin() as connection:
        connection.execute(
            update(examples).where(examples.c.id.in_(ids[:9])).values(execution_plan="Edited", revision=2)
        )
    told: list[int] = []
    found = verify(database, "plans", told.append)
    assert found.ok
    assert (found.rows, found.root_hash, found.problems) == (30, version.root_hash, ())
    assert told == [7, 14, 21, 28, 30]
    assert version.verified_at is None
    assert versions.get(database, version.id).verified_at is not None


def test_a_revision_that_was_tampered_with_is_named(database: Database, add: Add) -> None:
    ids = add(30)
    version = create(database)
    with database.begin() as connection:
        connection.execute(
            update(examples).where(examples.c.id.in_(ids[3:6])).values(execution_plan="Edited", revision=2)
        )
        connection.exec_driver_sql("ALTER TABLE example_revisions DISABLE TRIGGER append_only")
        connection.exec_driver_sql(f"UPDATE example_revisions SET execution_plan = 'x' WHERE example_id = {ids[4]}")
        connection.exec_driver_sql(f"DELETE FROM example_revisions WHERE example_id = {ids[5]}")
    found = verify(database, version.label)
    assert not found.ok
    assert (found.wrong, found.faults) == (2, ())
    assert [(problem.position, problem.example_id) for problem in found.problems] == [(5, ids[4]), (6, ids[5])]
    assert "no longer has the content" in found.problems[0].what
    assert "is gone" in found.problems[1].what
    assert versions.get(database, version.id).verified_at is None


def test_content_changed_behind_the_triggers_is_found(
    database: Database, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "FIRST", 3)
    add(30)
    create(database)
    with database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE orchestrator_training_data DISABLE TRIGGER keep_revision")
        connection.exec_driver_sql("UPDATE orchestrator_training_data SET execution_plan = 'x'")
    found = verify(database, "plans")
    assert found.wrong == 30
    assert [problem.position for problem in found.problems] == [1, 2, 3]


@pytest.mark.parametrize(
    "tampering",
    ["DELETE FROM dataset_members WHERE position = 4", "UPDATE dataset_members SET split = 2 WHERE position = 1"],
)
def test_a_changed_list_of_members_is_found(database: Database, add: Add, tampering: str) -> None:
    add(30)
    create(database)
    with database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE dataset_members DISABLE TRIGGER frozen")
        connection.exec_driver_sql(tampering)
    found = verify(database, "plans")
    assert not found.ok
    assert any("root hash differs" in fault for fault in found.faults)


def test_what_another_renderer_made_is_not_judged(database: Database, add: Add) -> None:
    add(12)
    version = create(database)
    with database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE training_datasets DISABLE TRIGGER frozen")
        connection.exec_driver_sql("UPDATE training_datasets SET renderer = 99")
    with pytest.raises(DatasetRefused, match="renderer 99"):
        verify(database, version.id)
