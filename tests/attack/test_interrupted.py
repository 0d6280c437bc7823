"""A freeze whose process was killed: it says so, and can be finished or given up."""

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from core.__main__ import registered
from core.database import Database
from core.datasets import snapshots
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.datasets.versions import DatasetVersion
from core.examples.filters import Filter
from core.tables import datasets
from tests.served import add, serving


def killed(db: Database) -> DatasetVersion:
    """A version as a killed builder leaves it: its progress is committed, its lock is gone."""
    add(db, *({} for _ in range(40)))
    asked = snapshots.request(db, "plans", filter=Filter(), recipe=Recipe(), split=Split(), actor="ada")
    with db.begin() as connection:
        connection.execute(update(datasets).where(datasets.c.id == asked.id).values(status="building", done_count=7))
    return snapshots.get(db, asked.id)


def test_only_what_nobody_builds_is_interrupted(database: Database) -> None:
    version = killed(database)
    assert snapshots.interrupted(database) == [version.id]
    seen: list[list[int]] = []

    snapshots.build(database, version.id, lambda _: seen.append(snapshots.interrupted(database)))

    assert seen
    assert not any(seen)
    assert snapshots.interrupted(database) == []


def test_the_command_line_says_so_and_finishes_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(database)
    with serving(database, monkeypatch):
        said = CliRunner().invoke(registered(), ["dataset", "list"]).output
        assert "plans@1  interrupted: its process is gone; finish it with `dataset finish plans@1`" in said
        done = CliRunner().invoke(registered(), ["dataset", "finish", "plans@1"])
        assert done.exit_code == 0, done.output
        assert "plans@1  40 records" in done.output


def test_it_can_be_given_up(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    version = killed(database)
    with serving(database, monkeypatch):
        done = CliRunner().invoke(registered(), ["dataset", "remove", "plans@1"])
    assert done.exit_code == 0, done.output
    assert snapshots.get(database, version.id).status == "cancelled"
