"""What one process of the app shares: opened once, at work only when it was started, and gone when it is closed."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from core.commands import statistics
from core.commands.handlers import CommandContext
from core.db import Database, workspaces
from core.runtime import process
from core.runtime.process import Running
from core.settings import Settings
from tests.commands.conftest import enqueue, status, until


@pytest.fixture
def app(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    chosen = Settings(DATABASE_URL=SecretStr(database.url), WHETSTONE_WORKERS=3)  # type: ignore[call-arg]
    monkeypatch.setattr(process, "get_settings", lambda: chosen)
    monkeypatch.setattr(process, "agents_registry", lambda: {"clerk": echo})
    app = Running()
    yield app
    app.close()


def echo(work: CommandContext) -> dict[str, str]:
    return {"said": work.command.action}


def test_it_works_on_commands_of_every_workspace_until_it_is_closed(app: Running, database: Database) -> None:
    demo = workspaces.create(database, "demo")
    here, there = enqueue(database), enqueue(demo)
    app.start()
    until(lambda: status(database, here) == status(demo, there) == "completed")
    worker = app.worker
    assert worker is not None
    assert (worker.threads, worker.agents, worker.snapshot().running) == (3, ("clerk",), True)
    app.close()
    assert (app.worker, app.background, worker.snapshot().running) == (None, None, False)
    (seen,) = statistics.workers(database)
    assert seen.stopped_at is not None
    left = enqueue(database)
    app.start()
    until(lambda: status(database, left) == "completed", "it can be opened again")


def test_it_looks_after_fine_tuning_in_every_workspace(app: Running, database: Database) -> None:
    workspaces.create(database, "demo")
    app.start()
    poller = app.poller
    assert poller is not None
    until(lambda: poller.snapshot().leads == ("demo", "public"))
    app.close()
    assert (app.poller, poller.snapshot().running) == (None, False)


def test_who_only_looks_does_no_work(app: Running) -> None:
    app.database()
    assert (app.worker, app.poller, app.background) == (None, None, None)


def test_without_threads_the_work_is_left_to_others(
    app: Running, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = Settings(DATABASE_URL=SecretStr(database.url), WHETSTONE_WORKERS=0)  # type: ignore[call-arg]
    monkeypatch.setattr(process, "get_settings", lambda: none)
    app.start()
    assert app.worker is None
    assert app.background is not None
