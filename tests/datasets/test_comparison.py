"""Comparing versions tells what came, went, changed and moved."""

import math
import statistics

import pytest
from sqlalchemy import update

from core.datasets.comparison import compare
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.db import Database
from core.db.tables import examples
from core.examples import store
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


class TestWhetherTheQualityDiffersByMoreThanChance:
    def test_of_versions_without_a_common_example_it_is_that_of_two_samples(self, database: Database, add: Add) -> None:
        add([example(number, intent="content", quality_score=number % 10 / 10) for number in range(60)])
        add([example(number, intent="finance", quality_score=0.5 + number % 6 / 10) for number in range(100, 140)])
        create(database, filter=Filter(intents=("content",), exclude_tags=()))
        create(database, filter=Filter(intents=("finance",), exclude_tags=()))
        gap = compare(database, "plans@1", "plans@2").quality_gap
        left = [number % 10 / 10 for number in range(60)]
        right = [0.5 + number % 6 / 10 for number in range(100, 140)]
        error = math.sqrt(statistics.pvariance(left) / 60 + statistics.pvariance(right) / 40)
        assert gap
        assert gap.value == pytest.approx(statistics.mean(right) - statistics.mean(left))
        assert gap.high - gap.value == pytest.approx(1.959964 * error)
        assert gap.value - gap.low == pytest.approx(1.959964 * error)
        assert not gap.is_chance

    def test_what_both_hold_makes_it_surer(self, database: Database, add: Add) -> None:
        """Leaving out the worst tenth is no chance, though either mean alone is known less well than they differ."""
        add(
            [example(number, quality_score=number % 10 / 10, tags=["LOW"] * (number % 10 == 0)) for number in range(60)]
        )
        create(database, filter=Filter(exclude_tags=()))
        create(database, filter=Filter(exclude_tags=("LOW",)))
        gap = compare(database, "plans@1", "plans@2").quality_gap
        assert gap
        assert gap.value == pytest.approx(0.05)
        assert not gap.is_chance
        assert gap.value < 1.96 * math.sqrt(statistics.pvariance([number / 10 for number in range(10)]) / 60)

    def test_another_half_of_the_same_is_chance(self, database: Database, add: Add) -> None:
        kinds = ("content", "finance")
        add([example(number, intent=kinds[number // 21 % 2]) for number in range(84)])
        add([example(200, quality_score=0.9, intent="finance")])
        for kind in kinds:
            create(database, filter=Filter(intents=(kind,), exclude_tags=()))
        gap = compare(database, "plans@1", "plans@2").quality_gap
        assert gap
        assert gap.value > 0
        assert gap.is_chance

    def test_it_is_the_gap_of_what_was_frozen_whatever_was_scored_since(self, database: Database, add: Add) -> None:
        ids = add(60)
        create(database, filter=Filter(exclude_tags=()))
        create(database, filter=Filter(exclude_tags=("TEST",)))
        before = compare(database, "plans@1", "plans@2").quality_gap
        for number in ids[:10]:
            store.set_score(database, number, score=1.0, success=True, actor="ada", reason="looked at again")
        after = compare(database, "plans@1", "plans@2").quality_gap
        assert before
        assert after
        assert after.value == before.value
        assert after.high - after.low == pytest.approx(before.high - before.low, rel=0.3)

    def test_of_few_scores_and_of_the_same_records_nothing_is_said(self, database: Database, add: Add) -> None:
        add(29)
        create(database)
        add([example(number, quality_score=None) for number in range(100, 140)])
        create(database)
        assert compare(database, "plans@1", "plans@2").quality_gap is None
        add([example(number) for number in range(200, 240)])
        create(database)
        assert compare(database, "plans@3", "plans@3").quality_gap is None
