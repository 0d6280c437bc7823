"""What happened to one example, in one line of time."""

from core.db import Database
from core.examples import store, tagging, timeline
from core.examples.filters import Filter
from tests.examples.rows import insert

ROW = {"user_request": "Draft a post", "tags": ["B"], "quality_score": 0.5, "success": True}


def test_edits_scores_and_tags_stand_in_one_line_the_latest_first(database: Database) -> None:
    insert(database, [ROW, ROW])
    store.edit(database, 1, {"intent": "seo"}, expected_revision=1, actor="ada", reason="it is one")
    tagging.add_tags(database, Filter(), ["A", "B"], actor="bob", reason="all of them")
    store.set_score(database, 1, score=0.9, success=None, actor="cy", reason="")
    tagging.remove_tags(database, [2], ["B"], actor="dee", reason="not this")

    seen = timeline.events(database, store.get(database, 1))

    assert [(event.kind, event.actor, event.reason) for event in seen] == [
        ("score", "cy", ""),
        ("tagged", "bob", "all of them"),
        ("edit", "ada", "it is one"),
    ]
    assert seen[0].scores == (timeline.Judgement(0.5, True), timeline.Judgement(0.9, None))
    assert seen[1].tags == ("A",)  # it had the other one
    assert seen[2].edit is not None
    assert [change.field for change in seen[2].edit.changes] == ["intent"]


def test_an_act_that_was_undone_stands_there_twice(database: Database) -> None:
    insert(database, [ROW])
    change = tagging.add_tags(database, [1], ["A"], actor="ada", reason="looks so")
    tagging.undo_tags(database, change.id, actor="bob")

    seen = timeline.events(database, store.get(database, 1))

    assert [(event.kind, event.actor, event.tags) for event in seen] == [
        ("untagged", "bob", ("A",)),
        ("tagged", "ada", ("A",)),
    ]


def test_an_example_nothing_happened_to_has_no_events(database: Database) -> None:
    insert(database, [ROW])
    assert timeline.events(database, store.get(database, 1)) == []
