"""The frozen records of a split as questions."""

import pytest

from core.datasets import snapshots, splits
from core.datasets.recipes import Recipe
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.errors import DatasetRefused
from core.evaluation import rows
from core.evaluation.rows import Row
from core.examples.filters import Filter
from tests.served import add
from tests.tuning.made import a_dataset


@pytest.fixture
def dataset(database: Database) -> DatasetVersion:
    return a_dataset(database)


def test_a_smaller_draw_is_part_of_a_larger_one(database: Database, dataset: DatasetVersion) -> None:
    every = rows.positions(database, dataset, "test")
    for limit in (1, 3, 7, 1_000):
        drawn = rows.positions(database, dataset, "test", limit)
        assert len(drawn) == min(limit, len(every))
        assert set(drawn) <= set(rows.positions(database, dataset, "test", limit + 2)) <= set(every)
    assert rows.positions(database, dataset, "test", 7) != every[:7]


def test_the_splits_share_the_places_among_them(database: Database, dataset: DatasetVersion) -> None:
    found = [rows.positions(database, dataset, name) for name in splits.NAMES]
    assert len({place for each in found for place in each}) == sum(map(len, found)) == 40


def test_a_record_is_split_into_what_was_said_before_the_question_and_the_answer(database: Database) -> None:
    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Yes?"}]
    add(
        database, {"context": {"turns": turns, "system": "Be kind."}, "user_request": "Now?", "execution_plan": "Soon."}
    )
    whole = splits.parse("100/0/0", seed=0, group="request")
    version = snapshots.create(database, "talk", filter=Filter(), recipe=Recipe(), split=whole, actor="ada")
    (row,) = rows.at(database, version, rows.positions(database, version, "train"))
    assert row == Row(row.position, "Be kind.", (("user", "Hello"), ("assistant", "Yes?")), "Now?", "Soon.")
    assert rows.at(database, version, []) == []


def test_records_with_tools_are_not_asked_as_texts(database: Database) -> None:
    tools = [{"type": "function", "function": {"name": "look", "parameters": {}}}]
    unlearned = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "No", "weight": 0}]
    add(database, {"context": {"tools": tools}}, {"context": {"turns": unlearned}}, {"context": None})
    whole = splits.parse("100/0/0", seed=0, group="request")
    version = snapshots.create(database, "talk", filter=Filter(), recipe=Recipe(), split=whole, actor="ada")
    assert version.example_count == 3
    asked = rows.at(database, version, rows.positions(database, version, "train"))
    assert [row.position for row in asked] == [2, 3]
    assert [rows.skipped(database, version, name) for name in splits.NAMES] == [1, 0, 0]
    assert rows.why_skipped(1).startswith("1 record of the split holds tools or calls of tools; it is not asked")
    assert rows.why_skipped(1_200).startswith("1,200 records of the split hold tools or calls of tools; they are not")
    assert rows.why_skipped(0) == rows.why_skipped(None) == ""
    assert asked[0].turns == (("user", "Hi"), ("assistant", "No"))


def test_a_record_whose_content_is_gone_is_told(database: Database, dataset: DatasetVersion) -> None:
    """It cannot happen by what the program does; the triggers that forbid it are taken away here."""
    place = rows.positions(database, dataset, "test")[0]
    with database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE dataset_members DISABLE TRIGGER ALL")
        connection.exec_driver_sql(f"UPDATE dataset_members SET revision = 9 WHERE position = {place}")
        connection.exec_driver_sql("ALTER TABLE dataset_members ENABLE TRIGGER ALL")
    with pytest.raises(DatasetRefused, match=f"record {place} of plans@1 is missing"):
        rows.at(database, dataset, [place])
