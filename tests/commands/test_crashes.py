"""Workers that are killed, frozen and stopped, and a database that goes away: with real processes."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.commands import statistics, store
from core.commands.filters import CommandFilter
from core.db import Database, migrations
from core.db.embedded import EmbeddedPostgres
from tests.commands.conftest import command, enqueue, happened, run, status, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs the signals of POSIX")

ROOT = Path(__file__).parents[2]


class Shop:
    """Worker processes on one database, and the file where the outside world sees what they do."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.log, self.gate = url, folder / "log", folder / "gate"
        self.processes: list[subprocess.Popen[bytes]] = []

    def worker(self, name: str, *, threads: int = 2, lease_s: float = 1.0) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.commands.worker_process", self.url, name, str(threads), str(lease_s)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        self.processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        return process

    def payload(self, *, held: bool = False) -> dict[str, str]:
        return {"log": str(self.log), **({"gate": str(self.gate)} if held else {})}

    def seen(self) -> list[str]:
        """What the outside world saw: the number of the attempt, and what it did."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


@pytest.fixture
def shop(database: Database, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(database.url, tmp_path)
    yield shop
    shop.close()


def test_killed_inside_a_step_the_next_worker_does_only_what_is_left(database: Database, shop: Shop) -> None:
    command_id = enqueue(database, agent="steps", payload=shop.payload(held=True))
    first = shop.worker("first")
    until(lambda: "1 two" in shop.seen())
    first.kill()
    shop.worker("second")
    until(lambda: status(database, command_id) == "completed")
    assert shop.seen() == ["1 one", "1 two", "2 two", "2 three", "2 four"]
    assert command(database, command_id).result == {"done": ["one", "two", "three", "four"]}
    assert [(a.worker, a.outcome) for a in store.attempts(database, command_id)] == [
        ("first", "lost"),
        ("second", "completed"),
    ]


def test_killed_before_the_commit_of_the_finish_nothing_of_it_is_there(database: Database, shop: Shop) -> None:
    command_id = enqueue(database, agent="finish", payload=shop.payload(held=True))
    first = shop.worker("first")
    until(lambda: "1 within" in shop.seen())
    first.kill()
    first.wait()
    assert (status(database, command_id), store.count(database, CommandFilter(agents=("outside",)))) == ("running", 0)
    shop.worker("second")
    until(lambda: status(database, command_id) == "completed")
    assert shop.seen() == ["1 one", "1 within", "2 within"]
    assert command(database, command_id).result == {"by": 2}
    assert store.count(database, CommandFilter(agents=("outside",))) == 1


def test_a_frozen_worker_that_comes_back_is_refused(database: Database, shop: Shop) -> None:
    command_id = enqueue(database, agent="deaf", payload=shop.payload(held=True))
    first = shop.worker("first")
    until(lambda: "1 begin" in shop.seen())
    os.kill(first.pid, signal.SIGSTOP)
    shop.worker("second")
    until(lambda: status(database, command_id) == "completed")
    shop.gate.touch()
    os.kill(first.pid, signal.SIGCONT)
    until(lambda: "stale_result" in happened(database, command_id))
    assert command(database, command_id).result == {"by": 2}
    (stale,) = [event for event in store.events(database, command_id) if event.event == "stale_result"]
    assert (stale.worker, stale.attempt, stale.detail) == ("first", 1, 'completed: {"by":1}')
    # Back to life, it works on.
    later = enqueue(database, agent="quick", payload=shop.payload())
    until(lambda: status(database, later) == "completed")
    until(lambda: [worker.is_alive for worker in statistics.workers(database)] == [True, True])


def test_two_workers_run_each_of_two_thousand_commands_once(database: Database, shop: Shop) -> None:
    values = [shop.log.as_posix()]
    run(
        database,
        "INSERT INTO commands (agent, action, payload, created_by) "
        "SELECT 'quick', 'file', jsonb_build_object('log', %s::text), 'ada' FROM generate_series(1, 2000)",
        *values,
    )
    for name in ("first", "second"):
        shop.worker(name, threads=4, lease_s=30.0)
    done = CommandFilter(statuses=("completed",))
    until(lambda: store.count(database, done) == 2_000, limit_s=120)
    assert Counter(shop.seen()) == Counter({f"1 {number}": 1 for number in range(1, 2_001)})
    assert run(database, "SELECT event, count(*) FROM command_events GROUP BY event ORDER BY event") == [
        ("claimed", 2_000),
        ("completed", 2_000),
        ("enqueued", 2_000),
    ]
    shares = dict(map(tuple, run(database, "SELECT worker, count(*) FROM command_attempts GROUP BY worker")))
    assert set(shares) == {"first", "second"}, "both took part"


def test_a_told_worker_finishes_or_hands_back_and_ends_well(database: Database, shop: Shop) -> None:
    asks = enqueue(database, agent="patient", payload=shop.payload(held=True))
    ends = enqueue(database, agent="deaf", payload={**shop.payload(), "gate": str(shop.gate) + "2"})
    worker = shop.worker("told", lease_s=30.0)
    until(lambda: sorted(shop.seen()) == ["1 begin", "1 begin"])
    worker.terminate()
    until(lambda: status(database, asks) == "pending")
    assert status(database, ends) == "running"
    Path(str(shop.gate) + "2").touch()
    assert worker.wait(30) == 0
    assert worker.stdout is not None
    assert worker.stdout.read() == b"completed 1, handed back 1\n"
    assert (status(database, asks), status(database, ends)) == ("pending", "completed")
    assert [(a.outcome, a.error) for a in store.attempts(database, asks)] == [("handed_back", None)]
    (state,) = statistics.workers(database)
    assert (state.is_alive, state.stopped_at is not None) == (False, True)


@pytest.fixture
def fragile(public_folder: Path, server: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """A server of this test's own, that writes to disk as a real one does: it will be stopped in the hard way."""
    own = EmbeddedPostgres(public_folder / "fragile", pg_bin=server._pg_bin, conf={"shared_buffers": "64MB"})
    own.start()
    yield own
    own.start()
    own.stop(only_if_unused=False)


def test_a_database_that_is_stopped_hard_for_six_seconds_costs_nothing(
    fragile: EmbeddedPostgres, tmp_path: Path
) -> None:
    """One command runs through it and ends while it is away, one is in its steps; each is recorded once."""
    database = Database(fragile.url())
    migrations.migrate(database)
    shop = Shop(database.url, tmp_path)
    try:
        held = shop.payload(held=True)
        ids = [enqueue(database, agent=agent, payload=held) for agent in ("deaf", "steps")]
        worker = shop.worker("only", threads=2, lease_s=20.0)
        until(lambda: sorted(shop.seen()) == ["1 begin", "1 one", "1 two"])
        (pid_file,) = fragile.home.glob("pg*/postmaster.pid")
        os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGQUIT)  # what pg_ctl calls immediate
        until(lambda: not fragile.running())
        time.sleep(1)
        shop.gate.touch()  # both end now, and cannot say so
        time.sleep(5)
        fragile.start()
        for each in ids:
            until(lambda each=each: status(database, each) == "completed")
        assert [command(database, each).attempt for each in ids] == [1, 1]
        assert sorted(shop.seen()) == ["1 begin", "1 four", "1 one", "1 three", "1 two"]
        assert all("stale_result" not in happened(database, each) for each in ids)
        after = enqueue(database, agent="quick", payload=shop.payload())
        until(lambda: status(database, after) == "completed")
        assert worker.poll() is None
    finally:
        shop.close()
        database.close()
