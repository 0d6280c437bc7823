"""Edits as a diff."""

from core.db import Database
from core.examples import diff, store
from tests.served import add


def test_each_edit_shows_who_why_and_which_lines(database: Database) -> None:
    (example,) = add(database, {"execution_result": "one\ntwo\nthree", "business_state": {"a": 1}})
    store.edit(
        database, example, {"execution_result": "one\n2\nthree"}, expected_revision=1, actor="ada", reason="digits"
    )
    store.edit(
        database,
        example,
        {"business_state": {"a": 2}, "execution_plan": None},
        expected_revision=2,
        actor="ben",
        reason="",
    )

    second, first = diff.edits(store.get(database, example), store.history(database, example))

    assert (first.revision, first.actor, first.reason) == (2, "ada", "digits")
    (change,) = first.changes
    assert change.field == "execution_result"
    assert [line for line in change.lines if line[0] in "+-"] == ["-two", "+2"]
    assert {change.field for change in second.changes} == {"business_state", "execution_plan"}
    state = next(change for change in second.changes if change.field == "business_state")
    assert [line.strip() for line in state.lines if line[0] in "+-"] == ['-  "a": 1', '+  "a": 2']


def test_an_example_that_was_never_edited_has_no_edits(database: Database) -> None:
    (example,) = add(database, {})

    assert diff.edits(store.get(database, example), store.history(database, example)) == []
