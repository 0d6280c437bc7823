"""Backups are written when they are due, by one process, and what stops them is told."""

import datetime as dt
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from api.rest import application
from api.routes import health
from core import backups
from core.db import Database
from core.runtime import process
from core.runtime.backing_up import BackingUp
from core.runtime.process import Running
from core.settings import Settings
from tests.commands.conftest import until
from tests.served import add

DAY = dt.timedelta(days=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def threads(database: Database, folder: Path) -> Iterator[list[BackingUp]]:
    """Three processes' worth of them, which look often."""
    add(database, {}, {})
    made = [BackingUp(database, folder, every=DAY, keep=2, pause_s=0.02) for _ in range(3)]
    yield made
    ended = [each.stop() for each in made]  # all of them, whatever the first says
    assert all(ended)


def written(folder: Path, ago: dt.timedelta) -> Path:
    """A backup as one would have been named then."""
    folder.mkdir(exist_ok=True)
    path = folder / f"whetstone-{dt.datetime.now(dt.UTC) - ago:%Y%m%dT%H%M%SZ}.dump"
    path.write_bytes(b"old")
    return path


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()} if folder.is_dir() else set()


def test_of_several_that_look_one_writes_what_is_due(threads: list[BackingUp], folder: Path) -> None:
    for each in threads:
        each.start()
    until(lambda: all(each.snapshot().newest for each in threads))
    time.sleep(0.2)  # some looks more
    (name,) = names(folder)
    assert (folder / name).stat().st_size > 10_000
    assert [each.snapshot().error for each in threads] == [""] * 3


def test_what_is_not_due_is_not_written(threads: list[BackingUp], folder: Path) -> None:
    there = written(folder, dt.timedelta(hours=23))
    threads[0].start()
    until(lambda: threads[0].snapshot().newest is not None)
    time.sleep(0.1)
    assert names(folder) == {there.name}


def test_a_day_later_the_next_is_written_and_the_oldest_goes(threads: list[BackingUp], folder: Path) -> None:
    oldest, before = written(folder, 3 * DAY), written(folder, DAY)
    threads[0].start()
    until(lambda: not oldest.exists())
    assert before.name in names(folder)
    assert len(names(folder)) == 2


def test_a_name_of_a_time_to_come_stops_nothing_and_costs_no_backup(threads: list[BackingUp], folder: Path) -> None:
    there = {written(folder, -DAY).name, written(folder, -2 * DAY).name}
    threads[0].start()
    until(lambda: threads[0].snapshot().newest is not None)
    time.sleep(0.1)
    assert names(folder) > there
    assert len(names(folder)) == 3


def test_what_stands_in_the_way_is_told_and_tried_again(threads: list[BackingUp], folder: Path) -> None:
    folder.write_text("not a folder")
    threads[0].start()
    until(lambda: "backups" in threads[0].snapshot().error)
    folder.unlink()
    until(lambda: len(names(folder)) == 1)
    until(lambda: threads[0].snapshot().error == "")


def test_what_a_killed_process_left_is_removed(database: Database, folder: Path) -> None:
    folder.mkdir()
    left, young = folder / "whetstone-20260101T000000Z.part", folder / "whetstone-20260102T000000Z.part"
    for each in (left, young):
        each.write_bytes(b"half")
    long_ago = time.time() - 2 * DAY.total_seconds()
    os.utime(left, (long_ago, long_ago))
    done = backups.backup(database, folder)
    assert names(folder) == {done.path.name, young.name}


def test_the_app_backs_itself_up_where_a_folder_is_set(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHETSTONE_BACKUP_FOLDER", str(folder))
    chosen = Settings(DATABASE_URL=SecretStr(database.url), WHETSTONE_WORKERS=0)  # type: ignore[call-arg]
    monkeypatch.setattr(process, "get_settings", lambda: chosen)
    app = Running()
    monkeypatch.setattr(health, "RUNNING", app)
    try:
        app.start()
        until(lambda: bool(names(folder)))
        backing_up = app.backing_up
        assert backing_up
        until(lambda: backing_up.snapshot().newest is not None)
        told = TestClient(application()).get("/health").json()["data"]["backups"]
        assert told["running"]
        assert not told["failed"]
        assert str(backing_up.snapshot().newest).replace(" ", "T") == told["newest"]
    finally:
        app.close()
    assert app.backing_up is None
    assert not backing_up.snapshot().running


def test_without_a_folder_none_is_written(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = Settings(DATABASE_URL=SecretStr(database.url), WHETSTONE_WORKERS=0)  # type: ignore[call-arg]
    monkeypatch.setattr(process, "get_settings", lambda: chosen)
    app = Running()
    try:
        app.start()
        assert app.backing_up is None
    finally:
        app.close()
