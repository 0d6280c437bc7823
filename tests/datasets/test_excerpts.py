"""The first records of a split are the first lines of its export."""

import pytest
from sqlalchemy import update

from core.datasets import exporting
from core.datasets.exporting import export
from core.datasets.splits import NAMES, SplitName
from core.db import Database
from core.db.tables import examples
from core.errors import DatasetRefused
from tests.datasets.conftest import Add
from tests.datasets.test_snapshots import create


@pytest.mark.parametrize("split", NAMES)
def test_they_are_the_first_lines_of_the_export(database: Database, add: Add, split: SplitName) -> None:
    add(60)
    version = create(database)
    lines = b"".join(export(database, version, split, "openai")).decode().splitlines()
    assert len(lines) > 2
    assert exporting.first_lines(database, version, split, limit=2) == lines[:2]


def test_they_stay_what_was_frozen_when_examples_are_edited(database: Database, add: Add) -> None:
    add(40)
    version = create(database)
    before = exporting.first_lines(database, version, "train")
    with database.begin() as connection:
        connection.execute(update(examples).values(execution_plan="Another plan", revision=examples.c.revision + 1))
    assert exporting.first_lines(database, version, "train") == before


def test_a_version_that_is_not_frozen_has_none(database: Database) -> None:
    from core.datasets import snapshots
    from core.datasets.recipes import Recipe
    from core.datasets.splits import Split
    from core.examples.filters import EVERYTHING

    asked = snapshots.request(database, "plans", filter=EVERYTHING, recipe=Recipe(), split=Split(), actor="ada")
    with pytest.raises(DatasetRefused, match="not frozen"):
        exporting.first_lines(database, asked, "train")
