"""What the tests of the queue share."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.commands import claims, store, verbs
from core.commands.filters import CommandFilter
from core.commands.handlers import Registry
from core.commands.models import Claim, Command, NewCommand
from core.commands.worker import Worker
from core.db import Database


def enqueue(database: Database, **values: Any) -> int:
    """A command of the agent `clerk`, unless the values say otherwise."""
    return store.enqueue(database, NewCommand(**{"agent": "clerk", "action": "file", **values}), actor="ada")


def claim(database: Database, worker: str = "w1", **values: Any) -> Claim:
    """The one command that is to be had."""
    (claimed,) = claims.claim(database, worker=worker, **{"agents": None, **values})
    return claimed


def run(database: Database, sql: str, *values: Any) -> Any:
    """One statement on the side: to turn the clock, and to look."""
    with database.begin() as connection:
        result = connection.exec_driver_sql(sql, values)
        return result.all() if result.returns_rows else result.rowcount


def let_lease_end(database: Database, command_id: int) -> None:
    run(database, "UPDATE commands SET lease_until = now() - interval '1 second' WHERE id = %s", command_id)


def let_pause_end(database: Database, command_id: int) -> None:
    run(database, "UPDATE commands SET not_before = now() WHERE id = %s", command_id)


def happened(database: Database, command_id: int) -> list[str]:
    return [event.event for event in store.events(database, command_id)]


def failed(database: Database, **values: Any) -> int:
    """A command that has failed for good."""
    command_id = enqueue(database, **values)
    claimed = claim(database)
    assert claims.fail(database, command_id, claimed.token, "out of ink", retry=False) == "failed"
    return command_id


def completed(database: Database, **values: Any) -> int:
    command_id = enqueue(database, **values)
    assert claims.complete(database, command_id, claim(database).token, {"pages": 3}) == "completed"
    return command_id


def until(true: Callable[[], bool], what: str = "it did not happen", limit_s: float = 60) -> None:
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def status(database: Database, command_id: int) -> str:
    return store.get(database, command_id).status


def command(database: Database, command_id: int) -> Command:
    return store.get(database, command_id)


def ask(database: Database, verb: str, command_id: int) -> None:
    change = getattr(verbs, verb)(database, CommandFilter(ids=(command_id,)), actor="ada", reason="test")
    assert change.changed == (command_id,)


class Employer:
    """Starts workers, and stops them at the end of the test."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.hired: list[Worker] = []

    def __call__(self, registry: Registry, **values: Any) -> Worker:
        usual: dict[str, Any] = {"poll_s": 0.2, "backoff_s": 0.02, "lease_s": 2.0, "threads": 2}
        worker = Worker(self.database, registry, **{**usual, **values})
        self.hired.append(worker)
        worker.start()
        return worker


@pytest.fixture
def hire(database: Database) -> Iterator[Employer]:
    employer = Employer(database)
    yield employer
    for worker in employer.hired:
        worker.stop(5.0)
