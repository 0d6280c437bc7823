"""A later file of the same source: what it lacks is left, and what a person made of an example stays."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from core.db import Database
from core.examples import importing, store, tagging
from core.examples.importing import ImportOptions
from tests.examples.importing.files import execution, fingerprint, imported, only, stored, written

FULL = {"execution_id": "e1", "user_request": "Write", "execution_result": "Drills", "quality_score": 0.9} | {
    "success": True,
    "intent": "post",
    "source_model": "base",
    "context": {"system": "Be brief."},
}


def without(*names: str, **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in FULL.items() if name not in names} | changes


@pytest.mark.parametrize("name", ["rows.csv", "rows.json", "rows.jsonl", "rows.parquet"])
def test_a_column_that_a_later_file_lacks_is_left_as_it_is(database: Database, tmp_path: Path, name: str) -> None:
    full: dict[str, Any] = FULL | ({"context": '{"system": "Be brief."}'} if name.endswith("csv") else {})
    imported(database, written(tmp_path, name, [full]))
    before = fingerprint(database)
    fewer = {key: full[key] for key in ("execution_id", "user_request", "execution_result")}
    assert imported(database, written(tmp_path, name, [fewer])).same == 1
    assert fingerprint(database) == before
    assert imported(database, written(tmp_path, name, [fewer | {"execution_result": "Saws"}])).changed == 1
    row = only(database)
    assert (row["execution_result"], row["quality_score"], row["success"]) == ("Saws", 0.9, True)
    assert (row["intent"], row["source_model"], row["context"]) == ("post", "base", {"system": "Be brief."})


def test_a_row_of_json_may_lack_what_another_has(database: Database, tmp_path: Path) -> None:
    imported(database, written(tmp_path, "rows.jsonl", [FULL, FULL | {"execution_id": "e2"}]))
    rows = [without("quality_score", intent="new"), FULL | {"execution_id": "e2", "quality_score": 0.1}]
    assert imported(database, written(tmp_path, "rows.jsonl", rows)).changed == 2
    assert [(row["quality_score"], row["intent"]) for row in stored(database)] == [(0.9, "new"), (0.1, "post")]


def test_an_empty_cell_is_not_an_absent_column(database: Database, tmp_path: Path) -> None:
    imported(database, written(tmp_path, "rows.csv", [without("context")]))
    emptied = without("context", quality_score="", intent="", success="")
    assert imported(database, written(tmp_path, "rows.csv", [emptied])).changed == 1
    row = only(database)
    assert (row["quality_score"], row["intent"], row["success"]) == (None, "", None)


def test_what_a_person_scored_stays_and_the_rest_follows_the_file(database: Database, tmp_path: Path) -> None:
    rows = [execution(1, quality_score="0.2", success="f"), execution(2, quality_score="", success=""), execution(3)]
    imported(database, written(tmp_path, "one.csv", rows))
    one, two, _ = stored(database)
    store.set_score(database, one["id"], score=0.95, success=True, actor="ana", reason="read it")
    store.set_score(database, two["id"], score=0.9, success=None, actor="ana", reason="read it")
    tagging.add_tags(database, [one["id"]], {"MINE"}, actor="ana", reason="mine")
    renamed = [row | {"intent": "social"} for row in rows]
    path = written(tmp_path, "two.csv", renamed)
    assert importing.preview(database, path).kept == 2
    result = imported(database, path)
    assert (result.changed, result.kept) == (3, 2)
    one, two, three = stored(database)
    assert [(row["quality_score"], row["success"]) for row in (one, two, three)] == [
        (0.95, True),
        (0.9, None),
        (0.8, True),
    ]
    assert {row["intent"] for row in (one, two, three)} == {"social"}
    assert one["tags"] == ["MINE", "PRODUCTION"]
    again = imported(database, path)
    assert (again.same, again.changed, again.kept) == (3, 0, 2)


def test_the_file_stands_above_a_person_only_when_told_so(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "one.csv", [execution()])
    imported(database, path)
    example = only(database)
    store.set_score(database, example["id"], score=0.1, success=False, actor="ana", reason="read it")
    store.edit(database, example["id"], {"intent": "mine"}, expected_revision=1, actor="ana", reason="clearer")
    assert imported(database, path).same == 1
    result = imported(database, path, overwrite=True)
    assert (result.changed, result.kept) == (1, 0)
    row = only(database)
    assert (row["quality_score"], row["success"], row["intent"]) == (0.8, True, "planning")
    importing.undo(database, result.import_id or 0, actor="ana")
    row = only(database)
    assert (row["quality_score"], row["success"], row["intent"]) == (0.1, False, "mine")
    assert imported(database, path).kept == 1, "the undo gave back what is known of the person's act, too"


def test_what_a_source_changes_of_what_a_person_edited_is_kept_and_said(database: Database, tmp_path: Path) -> None:
    imported(database, written(tmp_path, "one.csv", [execution()]))
    store.edit(database, only(database)["id"], {"user_request": "Mine"}, expected_revision=1, actor="ana", reason="x")
    result = imported(
        database, written(tmp_path, "two.csv", [execution(user_request="Theirs", execution_result="New")])
    )
    assert (result.changed, result.kept) == (1, 1)
    row = only(database)
    assert (row["user_request"], row["execution_result"]) == ("Mine", "New")


@pytest.mark.parametrize("number", [2, 3, 5])
def test_undo_in_turn_gives_back_each_state(database: Database, tmp_path: Path, number: int) -> None:
    states, done = [], []
    for place in range(number):
        rows = [
            execution(1, execution_result=f"Text {place}", quality_score=f"0.{place + 1}"),
            execution(2, intent=f"i{place}"),
        ]
        done.append(imported(database, written(tmp_path, "runs.csv", rows)).import_id or 0)
        states.append(state(database))
    for place in range(number - 1, 0, -1):
        result = importing.undo(database, done[place], actor="ana")
        assert (result.restored, result.left) == (2, 0)
        assert state(database) == states[place - 1]
    assert importing.undo(database, done[0], actor="ana").rows == 2
    assert stored(database) == []
    for place in range(number):
        importing.redo(database, done[place], actor="ana")
        assert state(database) == states[place]


def state(database: Database) -> list[tuple[Any, ...]]:
    names = ("user_request", "intent", "execution_result", "context", "quality_score", "success", "source_model")
    return [tuple(row[name] for name in names) for row in stored(database)]


FIELDS = {"intent": st.sampled_from(["a", "b", ""]), "quality_score": st.sampled_from([None, 0.1, 0.5])} | {
    "execution_result": st.sampled_from(["x", "y"]),
    "success": st.sampled_from([None, True, False]),
}
acts = st.lists(
    st.tuples(st.just("file"), st.fixed_dictionaries({}, optional=FIELDS), st.booleans())  # pyright: ignore[reportArgumentType]
    | st.tuples(st.just("score"), FIELDS["quality_score"], FIELDS["success"])
    | st.tuples(st.just("edit"), st.sampled_from(["mine", "b"]), st.just(None)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=acts)
def test_files_and_people_in_any_order_follow_the_plain_rule(
    database: Database, tmp_path: Path, acts: list[tuple[str, Any, Any]]
) -> None:
    """The rule as a program of ten lines: base is what the source said last, now is what stands there."""
    start = {"intent": "a", "quality_score": 0.5, "execution_result": "x", "success": None}
    key = uuid.uuid4()
    record = {"execution_id": str(key), "user_request": "Write"}
    imported(database, written(tmp_path, "rows.jsonl", [record | start]))
    base, now = dict(start), dict(start)
    done: list[tuple[int, dict[str, Any]]] = []
    for kind, one, two in acts:
        row = next(row for row in stored(database) if row["execution_id"] == str(key))
        if kind == "score":
            store.set_score(database, row["id"], score=one, success=two, actor="ana", reason="x")
            now |= {"quality_score": one, "success": two}
            done.clear()
        elif kind == "edit":
            store.edit(database, row["id"], {"intent": one}, expected_revision=row["revision"], actor="ana", reason="x")
            now |= {"intent": one}
            done.clear()
        else:
            before = dict(now)
            for name, value in one.items():
                if two or now[name] == base[name]:
                    now[name] = value
            path = written(tmp_path, "rows.jsonl", [record | one])
            result = importing.run(database, path, ImportOptions(overwrite=two), actor="ana")
            if result.import_id:  # a file that changes nothing leaves no trace
                base |= one
                done.append((result.import_id, before))
        row = next(row for row in stored(database) if row["execution_id"] == str(key))
        assert {name: row[name] for name in now} == now
    for import_id, before in reversed(done):
        assert importing.undo(database, import_id, actor="ana").left == 0
        row = next(row for row in stored(database) if row["execution_id"] == str(key))
        assert {name: row[name] for name in before} == before


def test_reviews_of_before_the_migration_are_known_too(database: Database, tmp_path: Path) -> None:
    rows = [execution(number, context='{"system": "a"}') for number in (1, 2, 3, 4)]
    imported(database, written(tmp_path, "one.csv", rows))
    imported(database, written(tmp_path, "two.csv", [rows[0] | {"intent": "later"}, *rows[1:]]))
    for row in stored(database)[:2]:
        store.set_score(database, row["id"], score=0.1, success=None, actor="ana", reason="x")
        store.set_score(database, row["id"], score=0.2, success=True, actor="ana", reason="x")
    for row in stored(database)[1:3]:
        change = {"execution_plan": None, "context": None}
        store.edit(database, row["id"], change, expected_revision=row["revision"], actor="ana", reason="x")
    kept = [row["source_record"] for row in stored(database)]
    assert [record is None for record in kept] == [False, False, False, True]
    _, filled_in = (sql_files() / "0014_source_record.sql").read_text().split("jsonb;\n", 1)
    with database.begin() as connection:
        connection.execute(text("UPDATE orchestrator_training_data SET source_record = NULL"))
        connection.execute(text(filled_in.replace(":", "\\:")))
    assert [row["source_record"] for row in stored(database)] == kept


def sql_files() -> Path:
    return Path(__file__).parents[3] / "sql"
