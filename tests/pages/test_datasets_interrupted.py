"""A version whose process was killed, on the datasets page: it says so, and is finished or removed."""

from core.datasets import snapshots, versions
from core.db import Database
from tests.attack.test_interrupted import killed
from tests.pages.acting import click
from tests.pages.conftest import Visit, text
from tests.pages.test_datasets import freeze


def test_one_whose_process_was_killed_says_so_and_is_finished(visit: Visit, database: Database) -> None:
    version = killed(database)
    for page in ({}, {"dataset": "plans", "version": "1"}):
        app = visit("datasets", **page)
        assert "plans@1 was interrupted: its process is gone." in text(app)
        assert "Building" not in text(app)

    click(app, f"build_finish_{version.id}")

    assert versions.get(database, version.id).status == "frozen"
    assert "plans@1 is frozen." in text(app)
    app = visit("datasets")
    assert "interrupted" not in text(app)


def test_one_whose_process_was_killed_is_removed(visit: Visit, database: Database) -> None:
    version = killed(database)
    app = visit("datasets")

    click(app, f"build_remove_{version.id}")

    assert versions.get(database, version.id).status == "cancelled"
    assert "Stopped plans@1. Nothing of it was frozen." in text(app)
    assert "interrupted" not in text(visit("datasets"))
    assert freeze(database).version == 1, "its number is free again"


def test_one_that_another_process_finished_meanwhile_is_left_as_it_is(visit: Visit, database: Database) -> None:
    version = killed(database)
    app = visit("datasets")
    snapshots.build(database, version.id)

    click(app, f"build_remove_{version.id}")

    assert versions.get(database, version.id).status == "frozen"
    assert "plans@1 is frozen already; only one that is not finished can be stopped." in text(app)
