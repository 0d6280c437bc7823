"""Executions are captured once, whatever is said twice."""

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import audit
from core.db import Database
from core.errors import InvalidExample
from core.examples import store, tagging
from core.examples.filters import EVERYTHING
from core.examples.importing import redo, run, undo
from core.examples.importing.capture import Saved, save, save_many
from tests.examples.importing.files import written

RUN = {
    "execution_id": "run-1",
    "user_request": "Plan the launch",
    "intent": "content",
    "business_state": {"topic": "lamps"},
    "execution_plan": '[{"agent":"content"}]',
    "execution_result": "A plan",
    "quality_score": 0.8,
    "success": True,
    "tags": ["PRODUCTION"],
    "created_at": dt.datetime(2026, 5, 1, tzinfo=dt.UTC),
    "source_agent": "content",
    "source_model": "base",
    "execution_time_ms": 1200,
}


def test_an_execution_is_saved_whole(database: Database) -> None:
    saved = save(database, RUN, actor="orchestrator")
    assert saved.outcome == "new"
    example = store.get(database, saved.id)
    assert {name: getattr(example, name) for name in RUN} == RUN
    assert example.is_trainable


def test_the_same_execution_again_changes_nothing(database: Database) -> None:
    first = save(database, RUN, actor="orchestrator")
    version = store.version(database)
    assert save(database, RUN, actor="orchestrator") == Saved(first.id, "same", "run-1")
    assert store.version(database) == version
    assert len(audit.entries(database)) == 1


def test_what_people_did_outlives_a_repeat(database: Database) -> None:
    saved = save(database, RUN, actor="orchestrator")
    store.set_score(database, saved.id, score=0.1, success=False, actor="ada", reason="it was wrong")
    store.edit(database, saved.id, {"execution_result": "Mended"}, expected_revision=1, actor="ada", reason="")
    tagging.remove_tags(database, [saved.id], ["PRODUCTION"], actor="ada", reason="")
    assert save(database, RUN, actor="orchestrator").outcome == "same"
    example = store.get(database, saved.id)
    assert (example.quality_score, example.execution_result, example.tags) == (0.1, "Mended", [])


def test_a_run_whose_import_was_undone_comes_back_as_people_left_it(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "runs.jsonl", [RUN | {"created_at": "2026-05-01T00:00:00Z"}])
    imported = run(database, path, actor="ada")
    assert imported.import_id
    example_id = save(database, RUN, actor="orchestrator").id
    store.set_score(database, example_id, score=0.1, success=False, actor="ada", reason="it was wrong")
    undo(database, imported.import_id, actor="ada")
    assert save(database, RUN, actor="orchestrator").outcome == "changed"
    back = store.get(database, example_id)
    assert (back.withdrawn_at, back.quality_score, back.success) == (None, 0.1, False)
    redo(database, imported.import_id, actor="ada")
    assert undo(database, imported.import_id, actor="ada").rows == 0, (
        "it was captured since, and is that import's no more"
    )


def test_a_finished_run_completes_the_example_of_its_plan(database: Database) -> None:
    planned = {**RUN, "execution_result": None, "quality_score": None, "success": None}
    first = save(database, planned, actor="orchestrator")
    second = save(database, RUN, actor="orchestrator")
    assert (second.id, second.outcome) == (first.id, "changed")
    example = store.get(database, first.id)
    assert (example.revision, example.quality_score, example.execution_result) == (2, 0.8, "A plan")
    (kept,) = store.history(database, first.id)
    assert (kept.execution_result, kept.replaced_by) == (None, "orchestrator")


@pytest.mark.parametrize(
    ("field", "value"),
    [("quality_score", 7.5), ("user_request", " "), ("tags", ["x" * 65]), ("execution_result", "a\0b"),
     ("created_at", "yesterday"), ("business_state", "{"), ("intent", "x" * 300)],
)  # fmt: skip
def test_what_cannot_be_stored_is_named(database: Database, field: str, value: object) -> None:
    with pytest.raises(InvalidExample, match=field):
        save(database, {**RUN, field: value}, actor="orchestrator")
    assert store.count(database, EVERYTHING) == 0


def test_two_captures_at_once_make_one_example(database: Database) -> None:
    threads = [threading.Thread(target=save, args=(database, RUN), kwargs={"actor": "a"}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.count(database, EVERYTHING) == 1


def test_many_are_saved_at_once_and_the_last_word_of_each_counts(database: Database) -> None:
    old = save(database, RUN, actor="agent")
    told = [
        RUN,
        {"execution_id": "run-2", "user_request": "Plan the sale"},
        {"execution_id": "run-2", "user_request": "Plan the sale", "execution_result": "A plan", "success": True},
        {**RUN, "execution_id": "run-3"},
    ]
    saved = save_many(database, told, actor="agent")
    assert [each.outcome for each in saved] == ["same", "new", "new", "new"]
    assert [each.execution_id for each in saved] == ["run-1", "run-2", "run-2", "run-3"]
    assert (saved[0].id, saved[1].id) == (old.id, saved[2].id)
    assert store.get(database, saved[1].id).execution_result == "A plan"
    (entry, _) = audit.entries(database)
    assert (entry.action, entry.after, entry.row_count) == ("capture", {"new": 2}, 2)
    changed = save_many(database, [{**RUN, "execution_result": "Another"}, told[2]], actor="agent")
    assert [each.outcome for each in changed] == ["changed", "same"]


def test_of_many_none_is_saved_where_one_cannot_be(database: Database) -> None:
    records = [RUN, {**RUN, "execution_id": "run-2", "quality_score": 7}, {**RUN, "execution_id": "run-3"}]
    with pytest.raises(InvalidExample, match="Row 2, field quality_score"):
        save_many(database, records, actor="agent")
    assert store.count(database, EVERYTHING) == 0


def test_batches_at_once_wait_for_each_other_and_lose_nothing(database: Database) -> None:
    def saved(way: int) -> int:
        for turn in range(4):
            ids = range(20) if way else range(19, -1, -1)
            records = [{"execution_id": f"run-{number}", "user_request": f"Plan {way} {turn}"} for number in ids]
            save_many(database, records, actor="agent")
        return way

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(saved, (0, 1))) == [0, 1]
    assert store.count(database, EVERYTHING) == 20
