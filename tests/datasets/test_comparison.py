"""Comparing versions tells what came, went, changed and moved."""

import pytest
from sqlalchemy import update

from core.datasets.comparison import compare
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.db import Database
from core.db.tables import examples
from core.examples.filters import Filter
from tests.datasets.conftest import Add, example
from tests.datasets.test_snapshots import create


def test_what_came_went_and_changed_is_listed(database: Database, add: Add) -> None:
    ids = add(40)
    create(database)
    new = add([example(number) for number in range(100, 105)])
    with database.begin() as connection:
        connection.execute(update(examples).where(examples.c.id.in_(ids[:3])).values(tags=["EXCLUDE"]))
        connection.execute(
            update(examples).where(examples.c.id == ids[7]).values(execution_plan="A better plan", revision=2)
        )
    create(database, filter=Filter())
    found = compare(database, "plans@1", "plans@2")
    assert (found.added.ids, found.added.count) == (tuple(new), 5)
    assert found.removed.ids == tuple(ids[:3])
    assert found.changed.ids == (ids[7],)
    assert (found.same, found.moved_split.count) == (36, 0)
    assert found.settings_changed == ("filter",)
    backwards = compare(database, "plans@2", "plans@1")
    assert (backwards.added, backwards.removed, backwards.changed) == (found.removed, found.added, found.changed)


def test_a_version_compared_with_itself_is_the_same(database: Database, add: Add) -> None:
    add(40)
    create(database)
    found = compare(database, "plans", "plans")
    assert (found.same, found.added.count, found.removed.count, found.changed.count) == (40, 0, 0, 0)
    assert found.settings_changed == ()
    assert all(share.left == share.right for share in (*found.intents, *found.quality, *found.target_length))


def test_another_seed_moves_rows_and_changes_none(database: Database, add: Add) -> None:
    add(40)
    create(database)
    create(database, split=Split(train=0, validation=0, test=100))
    found = compare(database, "plans@1", "plans@2")
    assert found.changed.count == 0
    assert found.same + found.moved_split.count == 40
    assert found.moved_split.count == len(found.moved_split.ids) > 20
    assert found.settings_changed == ("split",)


def test_drift_is_told_in_shares_with_the_largest_first(database: Database, add: Add) -> None:
    add(30)
    create(database)
    create(database, filter=Filter(intents=("content", "finance"), exclude_tags=()), recipe=Recipe(target="result"))
    found = compare(database, "plans@1", "plans@2")
    assert [(share.name, round(share.left, 2), round(share.right, 2)) for share in found.intents] == [
        ("market", 0.33, 0.0),
        ("content", 0.33, 0.5),
        ("finance", 0.33, 0.5),
    ]
    assert sum(share.right for share in found.quality) == pytest.approx(1.0)
    assert found.target_length[0].left == len(example(1)["execution_plan"])
    assert found.target_length[0].right == len(example(1)["execution_result"])
    assert found.tokens[0] > found.tokens[1] > 0
    assert found.settings_changed == ("filter", "recipe")
