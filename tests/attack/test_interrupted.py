"""A freeze whose process was killed: it says so, and can be finished or given up."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from core.__main__ import registered
from core.datasets import snapshots, versions
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.examples.filters import Filter
from tests.served import add, serving

ROOT = Path(__file__).parents[2]
#: Freezes, and stops in the middle, where it says so and is killed.
PROGRAM = """
import sys
from core.db import Database
from core.datasets import snapshots

def tell(progress):
    if progress.phase == sys.argv[3]:
        print(progress.phase, flush=True)
        sys.stdin.readline()

snapshots.build(Database(sys.argv[1]), int(sys.argv[2]), tell)
"""


def killed(db: Database, *, at: str = "freezing") -> DatasetVersion:
    """A version whose builder, a process of its own, was killed by -9 while it was `at` it."""
    add(db, *({} for _ in range(40)))
    asked = snapshots.request(db, "plans", filter=Filter(), recipe=Recipe(), split=Split(), actor="ada")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, db.url, str(asked.id), at],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        try:
            assert process.stdout.readline().strip() == at
            assert snapshots.interrupted(db) == [], "its builder is alive"
        finally:
            process.kill()
    _wait_until_alone(db)
    return versions.get(db, asked.id)


def _wait_until_alone(db: Database) -> None:
    """Until the server has noticed that the process is gone."""
    others = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND xact_start IS NOT NULL"
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with db.connect() as connection:
            if not connection.execute(others).scalar_one():
                return
        time.sleep(0.05)
    raise AssertionError("The server still works for the process that was killed.")


@pytest.mark.parametrize("at", ["choosing", "rendering", "checking", "freezing"])
def test_killed_wherever_it_is_it_is_interrupted_and_can_be_finished(database: Database, at: str) -> None:
    version = killed(database, at=at)
    assert (version.status, version.phase) == ("building", at)
    assert snapshots.interrupted(database) == [version.id]
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM dataset_members")).scalar_one() == 0
    done = snapshots.build(database, version.id)
    assert (done.status, done.example_count) == ("frozen", 40)
    assert snapshots.interrupted(database) == []


def test_only_what_nobody_builds_is_interrupted(database: Database) -> None:
    version = killed(database)
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
    assert versions.get(database, version.id).status == "cancelled"
