"""The background thread builds what was asked for, survives the database, and stops when told."""

import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import text

from core import audit
from core.datasets import snapshots, versions
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.db import Database, workspaces
from core.db.embedded import EmbeddedPostgres
from core.db.tables import examples
from core.examples import cube
from core.examples.filters import EVERYTHING
from core.runtime.builder import Background
from tests.datasets.conftest import example


@pytest.fixture
def background(database: Database) -> Iterator[Background]:
    background = Background(database, pause_s=0.02)
    yield background
    assert background.stop()


def ask(database: Database, name: str = "plans") -> int:
    with database.begin() as connection:
        connection.execute(
            examples.insert(), [example(number, execution_id=f"{name} {number}") for number in range(20)]
        )
    return snapshots.request(database, name, filter=EVERYTHING, recipe=Recipe(), split=Split(), actor="ada").id


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def is_frozen(database: Database, dataset_id: int) -> bool:
    return versions.get(database, dataset_id).status == "frozen"


def test_versions_of_every_workspace_are_built(database: Database, background: Background) -> None:
    demo = workspaces.create(database, "demo")
    here, there = ask(database), ask(demo)
    background.start()
    background.start()
    until(lambda: is_frozen(database, here) and is_frozen(demo, there))
    until(lambda: background.snapshot().building == "")
    state = background.snapshot()
    assert (state.running, state.built, state.error) == (True, 2, "")


def test_lines_of_the_audit_log_get_their_place_in_its_chain(database: Database, background: Background) -> None:
    demo = workspaces.create(database, "demo")
    background.start()
    for db in (database, demo):
        with db.begin() as connection:
            audit.record(connection, actor="ada", action="import", subject="import")

    def waiting(db: Database) -> int:
        with db.connect() as connection:
            return connection.execute(text("SELECT count(*) FROM audit_unchained")).scalar_one()

    until(lambda: waiting(database) == waiting(demo) == 0)
    assert audit.verify(demo).head


def test_what_was_built_is_proved_at_once(database: Database, background: Background) -> None:
    asked = ask(database)
    background.start()
    until(lambda: versions.get(database, asked).verified_at is not None)
    until(lambda: background.snapshot().building == "")
    assert background.snapshot().error == ""


def test_the_cube_of_many_examples_follows_them(database: Database, background: Background) -> None:
    ask(database)
    with database.begin() as connection:
        connection.execute(text("UPDATE pg_class SET reltuples = 1e6 WHERE relname = 'orchestrator_training_data'"))

    def is_fresh() -> bool:
        with database.connect() as connection:
            return cube.is_fresh(connection)

    background.start()
    until(is_fresh)
    assert background.snapshot().error == ""


def test_two_processes_do_not_build_twice(database: Database, background: Background) -> None:
    other = Background(Database(database.url), pause_s=0.02)
    asked = [ask(database, f"plans {number}") for number in range(3)]
    background.start()
    other.start()
    until(lambda: all(is_frozen(database, each) for each in asked))
    assert other.stop()
    until(lambda: background.snapshot().building == "")
    assert background.snapshot().built + other.snapshot().built == 3
    for each in asked:
        actions = [entry.action for entry in audit.entries(database, subject="dataset", subject_id=each)]
        assert actions == ["freeze", "create"]


def test_a_lost_connection_is_told_and_found_again(
    database: Database, background: Background, server: EmbeddedPostgres
) -> None:
    background.start()
    until(lambda: background.snapshot().looked_at is not None)
    name = database.url.rsplit("/", 1)[-1].split("?")[0]
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        until(lambda: background.snapshot().error != "")
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
    until(lambda: background.snapshot().error == "")
    asked = ask(database)
    background.wake()
    until(lambda: is_frozen(database, asked))


def test_what_can_never_be_built_fails_once_and_says_why(database: Database, background: Background) -> None:
    asked = ask(database)
    with database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE dataset_members ADD CONSTRAINT none CHECK (position < 0)")
    background.start()
    until(lambda: versions.get(database, asked).status == "failed")
    assert "violates check constraint" in (versions.get(database, asked).error or "")


def test_it_stops_in_the_middle_and_starts_again(
    database: Database, background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.datasets.candidates.BATCH", 1)
    asked = ask(database)
    background.start()
    until(lambda: versions.get(database, asked).status != "queued")
    assert background.stop()
    assert not background.snapshot().running
    background.start()
    until(lambda: is_frozen(database, asked))
