"""One example and one page at a time."""

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from core import audit
from core.db import Database
from core.errors import Conflict, InvalidExample, InvalidFilter, UnknownExample
from core.examples import store
from core.examples.diff import edits
from core.examples.filters import EVERYTHING, Filter
from tests.examples.rows import START, filters, insert, matches, rows
from tests.examples.test_filters import SHARED, emptied


def example(n: int = 0, **fields: object) -> dict[str, object]:
    return {
        "user_request": f"Write about lamp {n}",
        "intent": "",
        "source_model": "",
        "execution_result": f"A lamp is a light, version {n}",
        "quality_score": 0.5,
        "success": True,
        "tags": [],
        "created_at": START + dt.timedelta(minutes=n),
    } | fields


def walked(db: Database, chosen: Filter, sort: store.Sort, limit: int) -> list[int]:
    """The ids of all pages, one after the other."""
    ids: list[int] = []
    page = store.page(db, chosen, sort=sort, limit=limit)
    ids += [row.id for row in page.rows]
    while page.next:
        page = store.page(db, chosen, sort=sort, after=page.next, limit=limit)
        ids += [row.id for row in page.rows]
    return ids


@SHARED
@given(values=st.lists(rows, max_size=25), chosen=filters(), limit=st.integers(1, 7))
def test_pages_hold_every_chosen_row_once_and_in_order(
    database: Database, values: list[dict[str, object]], chosen: Filter, limit: int
) -> None:
    emptied(database)
    found = [row for row in insert(database, values) if matches(chosen, row)]
    by_time = sorted(found, key=lambda row: (row["created_at"], row["id"]))
    scored = sorted((r for r in found if r["quality_score"] is not None), key=lambda r: (r["quality_score"], r["id"]))
    unscored = sorted(r["id"] for r in found if r["quality_score"] is None)
    expected = {
        "oldest": [row["id"] for row in by_time],
        "newest": [row["id"] for row in reversed(by_time)],
        "worst": [row["id"] for row in scored] + unscored,
        "best": [row["id"] for row in reversed(scored)] + unscored[::-1],
    }
    order = {True: 0, False: 1, None: 2}
    for name, key in (
        ("intent", lambda row: row["intent"].encode()),
        ("agent", lambda row: row["source_agent"].encode()),
        ("model", lambda row: row["source_model"].encode()),
        ("outcome", lambda row: order[row["success"]]),
    ):
        rising = [row["id"] for row in sorted(found, key=lambda row: (key(row), row["id"]))]
        expected |= {name: rising, f"{name}_desc": rising[::-1]}
    for sort in store.SORTS:
        assert walked(database, chosen, sort, limit) == expected[sort], sort
    assert store.count(database, chosen) == len(found)


@pytest.mark.parametrize(
    ("mark", "sort"),
    [
        ("x", "newest"),
        ("x@2026", "newest"),
        ("5@yesterday", "newest"),
        ("5@failed", "outcome"),
        ("5@a\0b", "intent"),
        (f"{10**40}@finance", "intent"),
        (f"5@{10**40}", "outcome"),
    ],
)
def test_a_mark_that_no_page_gave_is_refused(database: Database, mark: str, sort: store.Sort) -> None:
    with pytest.raises(InvalidFilter, match="first page"):
        store.page(database, Filter(), sort=sort, after=mark)


def test_an_unknown_example_is_named(database: Database) -> None:
    with pytest.raises(UnknownExample, match="no example 9223372036854775808"):
        store.get(database, 2**63)
    with pytest.raises(UnknownExample, match="example 7"):
        store.get(database, 7)


def test_an_edit_keeps_what_was_there(database: Database) -> None:
    insert(database, [example()])
    first = store.get(database, 1)
    after = store.edit(
        database, 1, {"execution_result": "Better"}, expected_revision=1, actor="ada", reason="was too long"
    )
    assert (after.revision, after.execution_result) == (2, "Better")
    (kept,) = store.history(database, 1)
    assert (kept.revision, kept.execution_result) == (1, first.execution_result)
    assert (kept.replaced_by, kept.reason) == ("ada", "was too long")
    (line,) = audit.entries(database, subject="example", subject_id=1)
    assert (line.actor, line.action, line.after) == ("ada", "edit", {"revision": 2, "fields": ["execution_result"]})


def test_an_edit_that_changes_nothing_makes_no_revision(database: Database) -> None:
    insert(database, [example()])
    request = store.get(database, 1).user_request
    same = store.edit(database, 1, {"user_request": request}, expected_revision=1, actor="ada", reason="")
    assert same.revision == 1
    assert store.history(database, 1) == []
    assert audit.entries(database) == []


def test_an_edit_from_one_to_true_is_an_edit(database: Database) -> None:
    insert(database, [example(business_state={"paid": 1})])
    after = store.edit(database, 1, {"business_state": {"paid": True}}, expected_revision=1, actor="ada", reason="so")
    assert (after.revision, after.business_state["paid"]) == (2, True)
    (edit,) = edits(after, store.history(database, 1))
    assert [line.strip() for line in edit.changes[0].lines[2:4]] == ['-  "paid": 1', '+  "paid": true']


def test_text_about_a_nul_is_not_one(database: Database) -> None:
    insert(database, [example()])
    after = store.edit(database, 1, {"context": {"a": "\\u0000"}}, expected_revision=1, actor="ada", reason="so")
    assert after.context == {"a": "\\u0000"}


def test_an_edit_from_an_old_revision_is_a_conflict(database: Database) -> None:
    insert(database, [example()])
    store.edit(database, 1, {"intent": "seo"}, expected_revision=1, actor="ada", reason="")
    with pytest.raises(Conflict, match="revision 2"):
        store.edit(database, 1, {"intent": "finance"}, expected_revision=1, actor="bob", reason="")
    assert store.get(database, 1).intent == "seo"


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("user_request", "  ", "request cannot be empty"),
        ("execution_result", "a\0b", "NUL"),
        ("execution_plan", 5, "must be text"),
        ("business_state", [1], "JSON object"),
        ("business_state", {"a": "b\0"}, "NUL"),
        ("intent", "x" * 201, "200"),
        ("tags", ["A"], "cannot be edited|not content"),
        ("execution_plan", "a\ud800", "surrogate"),
        ("business_state", {"a": 2**70}, "JSON that can be stored"),
        ("context", {"a": "b\ud800"}, "JSON that can be stored"),
        ("execution_plan", "x" * (2**20 + 1), "at most 1,048,576"),
        ("user_request", " ".join(f"word{n}" for n in range(90_000)), "too many different words"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_name(database: Database, field: str, value: object, says: str) -> None:
    insert(database, [example()])
    with pytest.raises(InvalidExample, match=says):
        store.edit(database, 1, {field: value}, expected_revision=1, actor="ada", reason="")
    assert store.get(database, 1).revision == 1


def test_a_score_is_overruled_with_its_reason(database: Database) -> None:
    insert(database, [example()])
    after = store.set_score(database, 1, score=0.9, success=False, actor="ada", reason="reads well, but wrong")
    assert (after.quality_score, after.success, after.revision) == (0.9, False, 1)
    (line,) = audit.entries(database, subject="example")
    assert line.before == {"quality_score": 0.5, "success": True}
    assert line.reason == "reads well, but wrong"


@pytest.mark.parametrize("score", [-0.1, 1.1, 7, math.nan])
def test_a_score_beyond_the_scale_is_refused(database: Database, score: float) -> None:
    insert(database, [example()])
    with pytest.raises(InvalidExample, match="between 0 and 1"):
        store.set_score(database, 1, score=score, success=None, actor="ada", reason="because")


def test_a_score_may_have_no_reason(database: Database) -> None:
    insert(database, [example()])
    assert store.set_score(database, 1, score=0.1, success=None, actor="ada", reason="").quality_score == 0.1
    (line,) = audit.entries(database, subject="example")
    assert (line.reason, line.before) == ("", {"quality_score": 0.5, "success": True})


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM orchestrator_training_data",
        "TRUNCATE orchestrator_training_data",
        "UPDATE example_revisions SET reason = ''",
        "DELETE FROM example_revisions",
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
    ],
)
def test_the_database_itself_refuses_to_lose_anything(database: Database, statement: str) -> None:
    insert(database, [example()])
    store.edit(database, 1, {"intent": "seo"}, expected_revision=1, actor="ada", reason="")
    with pytest.raises(DatabaseError, match="refused"), database.begin() as connection:
        connection.execute(text(statement))


def test_the_version_changes_with_every_committed_change_only(database: Database) -> None:
    insert(database, [example()])
    before = store.version(database)
    assert store.version(database) == before
    store.set_score(database, 1, score=0.9, success=None, actor="ada", reason="checked")
    assert store.version(database) != before


def test_choices_offer_what_occurs(database: Database) -> None:
    insert(database, [example(intent="seo", tags=["B", "A"], source_model="base"), example(1, intent="")])
    offered = store.choices(database)
    assert offered == store.Choices(2, ["", "seo"], ["A", "B"], [""], ["", "base"])
    assert store.count(database, EVERYTHING) == 2
