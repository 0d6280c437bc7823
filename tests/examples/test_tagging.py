"""Bulk tags: one statement, exact counts, exact undo."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import audit
from core.db import Database
from core.errors import Conflict, InvalidFilter, InvalidTag, UnknownExample
from core.examples import tagging
from core.examples.filters import EVERYTHING, Filter
from tests.examples.rows import START, TAGS, filters, insert, matches, rows, tags_of
from tests.examples.test_filters import SHARED, emptied
from tests.examples.test_store import example

WHO = {"actor": "ada", "reason": "cleaning up"}


@SHARED
@given(
    values=st.lists(rows, max_size=20),
    chosen=filters(),
    named=st.lists(st.sampled_from([*TAGS, "NEW"]), min_size=1, max_size=3),
    verb=st.sampled_from(["add", "remove"]),
)
def test_tags_change_on_the_chosen_rows_and_undo_restores_them(
    database: Database, values: list[dict[str, object]], chosen: Filter, named: list[str], verb: str
) -> None:
    emptied(database)
    whole = insert(database, values)
    before = tags_of(database)
    act = tagging.add_tags if verb == "add" else tagging.remove_tags
    change = act(database, chosen, named, **WHO)
    expected = {
        row["id"]: sorted(set(row["tags"]) | set(named) if verb == "add" else set(row["tags"]) - set(named))
        if matches(chosen, row)
        else row["tags"]
        for row in whole
    }
    assert tags_of(database) == expected
    assert change.count == sum(before[key] != expected[key] for key in expected)
    assert tagging.undo_tags(database, change.id, actor="ada") == change.count
    assert tags_of(database) == before


def test_undo_leaves_a_tag_that_was_there_before(database: Database) -> None:
    insert(database, [example(tags=["TEST"]), example(1)])
    change = tagging.add_tags(database, [1, 2], ["TEST", "DEVELOPMENT"], **WHO)
    tagging.undo_tags(database, change.id, actor="ada")
    assert tags_of(database) == {1: ["TEST"], 2: []}


def test_undo_keeps_what_a_later_act_gave_or_took(database: Database) -> None:
    insert(database, [example(), example(1), example(2)])
    first = tagging.add_tags(database, [1, 2, 3], ["GOOD", "SEEN"], **WHO)
    tagging.remove_tags(database, [1, 2], ["GOOD"], **WHO)
    tagging.add_tags(database, [1], ["GOOD"], **WHO)
    assert tagging.undo_tags(database, first.id, actor="ada") == 3
    assert tags_of(database) == {1: ["GOOD"], 2: [], 3: []}


def test_undo_passes_over_later_acts_that_were_undone(database: Database) -> None:
    insert(database, [example(), example(1)])
    first = tagging.add_tags(database, [1, 2], ["GOOD"], **WHO)
    second = tagging.remove_tags(database, [1], ["GOOD"], **WHO)
    tagging.undo_tags(database, second.id, actor="ada")
    assert tagging.undo_tags(database, first.id, actor="ada") == 2
    assert tags_of(database) == {1: [], 2: []}


def test_acts_and_undos_at_once_wait_for_each_other(database: Database) -> None:
    insert(database, [example(n) for n in range(3_000)])
    changes = [tagging.add_tags(database, EVERYTHING, [f"T{n}"], **WHO) for n in range(3)]
    acts = [lambda change=change: tagging.undo_tags(database, change.id, actor="ada") for change in changes]
    acts += [lambda: tagging.add_tags(database, EVERYTHING, ["X"], **WHO).count]
    with ThreadPoolExecutor(len(acts)) as pool:
        assert [each.result() for each in [pool.submit(act) for act in acts]] == [3_000] * 4
    assert {tuple(tags) for tags in tags_of(database).values()} == {("X",)}


def test_an_act_is_undone_once(database: Database) -> None:
    insert(database, [example()])
    change = tagging.add_tags(database, [1], ["TEST"], **WHO)
    tagging.undo_tags(database, change.id, actor="ada")
    with pytest.raises(Conflict, match="undone already"):
        tagging.undo_tags(database, change.id, actor="ada")


def test_an_act_that_never_was_cannot_be_undone(database: Database) -> None:
    with pytest.raises(Conflict, match="no change of tags 99"):
        tagging.undo_tags(database, 99, actor="ada")


def test_an_unknown_id_is_named_and_nothing_changes(database: Database) -> None:
    insert(database, [example()])
    with pytest.raises(UnknownExample, match="example 9;"):
        tagging.add_tags(database, [1, 9, 12], ["TEST"], **WHO)
    assert tags_of(database) == {1: []}


@pytest.mark.parametrize("tag", ["straße", "WITH SPACE", "", "X" * 65, "A,B"])
def test_a_tag_has_its_form(database: Database, tag: str) -> None:
    insert(database, [example()])
    with pytest.raises(InvalidTag, match="not a tag"):
        tagging.add_tags(database, [1], [tag], **WHO)


def test_a_tag_is_folded(database: Database) -> None:
    insert(database, [example()])
    assert tagging.add_tags(database, [1], ["reviewed", " Reviewed "], **WHO).tags == ("REVIEWED",)
    assert tags_of(database) == {1: ["REVIEWED"]}
    assert tagging.remove_tags(database, Filter(include_tags=("reviewed",)), ["reviewed"], **WHO).count == 1


def test_no_tag_at_all_is_refused(database: Database) -> None:
    with pytest.raises(InvalidTag, match="at least one"):
        tagging.add_tags(database, EVERYTHING, [], **WHO)


def test_old_data_is_tagged_by_its_date(database: Database) -> None:
    insert(database, [example(n) for n in range(4)])
    cut = START + dt.timedelta(minutes=2)
    assert tagging.tag_created_between(database, None, cut, ["DEVELOPMENT"], **WHO).count == 2
    assert tags_of(database) == {1: ["DEVELOPMENT"], 2: ["DEVELOPMENT"], 3: [], 4: []}


def test_dates_and_scores_that_leave_nothing_between_are_refused(database: Database) -> None:
    insert(database, [example()])
    late = Filter(created_from=START + dt.timedelta(days=9), quality_min=0.9)
    with pytest.raises(InvalidFilter, match="first date is after the last"):
        tagging.tag_created_between(database, None, START, ["DEVELOPMENT"], within=late, **WHO)
    with pytest.raises(InvalidFilter, match=r"lowest quality 0\.9 is above the highest 0.3"):
        tagging.tag_by_quality(database, None, 0.3, ["LOW_QUALITY"], within=late, **WHO)


def test_a_date_without_a_zone_is_utc(database: Database) -> None:
    insert(database, [example(n) for n in range(4)])
    cut = (START + dt.timedelta(minutes=2)).replace(tzinfo=None)
    within = Filter(created_to=START + dt.timedelta(days=1))
    assert tagging.tag_created_between(database, None, cut, ["DEVELOPMENT"], within=within, **WHO).count == 2


def test_poor_data_is_tagged_by_its_score_inside_a_filter(database: Database) -> None:
    insert(database, [example(n, quality_score=n / 10, intent="seo" if n % 2 else "") for n in range(6)])
    within = Filter(intents=["seo"], quality_min=0.2)
    assert tagging.tag_by_quality(database, None, 0.3, ["LOW_QUALITY"], within=within, **WHO).count == 1
    assert [key for key, tags in tags_of(database).items() if tags] == [4]


def test_every_act_leaves_a_line_with_count_and_reason(database: Database) -> None:
    insert(database, [example(), example(1)])
    change = tagging.add_tags(database, EVERYTHING, ["TEST"], **WHO)
    tagging.undo_tags(database, change.id, actor="bob")
    undone, added = audit.entries(database, subject="examples")
    assert (added.action, added.row_count, added.reason, added.actor) == ("add tags", 2, "cleaning up", "ada")
    assert added.after == {"tags": ["TEST"], "chosen": "all examples"}
    assert (undone.action, undone.row_count, undone.actor) == ("undo tags", 2, "bob")


def test_tags_are_added_and_removed_in_one_act(database: Database) -> None:
    first, second = (
        row["id"] for row in insert(database, [{"user_request": "a", "tags": [tag]} for tag in ("TEST", "OLD")])
    )
    changes = tagging.change_tags(
        database, Filter(include_tags=("TEST",)), add=["NEW"], remove=["TEST"], actor="ada", reason=""
    )
    assert [(change.verb, change.count) for change in changes] == [("add", 1), ("remove", 1)]
    assert (tags_of(database)[first], tags_of(database)[second]) == (["NEW"], ["OLD"])
    with pytest.raises(InvalidTag, match="NEW is to be added and removed"):
        tagging.change_tags(database, [first], add=["new"], remove=["NEW"], actor="ada", reason="")
    with pytest.raises(UnknownExample):
        tagging.change_tags(database, [first, 10**9], add=["A"], remove=["NEW"], actor="ada", reason="")
    assert tags_of(database)[first] == ["NEW"]
