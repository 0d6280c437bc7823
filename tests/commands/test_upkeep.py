"""What a worker does beside the commands, in every workspace, and how it takes faults."""

import threading
import time
from typing import Any

import psycopg

from core.commands import statistics, store, verbs
from core.commands.filters import CommandFilter
from core.commands.handlers import CommandContext
from core.db import Database, workspaces
from core.db.embedded import EmbeddedPostgres
from tests.commands.conftest import Employer, claim, command, enqueue, happened, let_lease_end, run, status, until


def echo(work: CommandContext) -> dict[str, Any]:
    return {"said": work.command.payload.get("say", "nothing")}


def test_a_worker_is_seen(database: Database, hire: Employer) -> None:
    worker = hire({"clerk": echo, "writer": echo}, threads=3, lease_s=1.0)
    until(lambda: bool(statistics.workers(database)))
    (state,) = statistics.workers(database)
    assert (state.name, state.threads, state.agents, state.is_alive) == (worker.name, 3, ["clerk", "writer"], True)
    seen = state.seen_at
    until(lambda: statistics.workers(database)[0].seen_at > seen)


def test_any_worker_takes_commands_away_from_dead_ones_and_removes_old_ones(database: Database, hire: Employer) -> None:
    lost = enqueue(database, agent="outside")
    claim(database, "dead")
    let_lease_end(database, lost)
    old = enqueue(database)
    verbs.cancel(database, CommandFilter(ids=(old,)), actor="ada", reason="")
    run(database, "UPDATE commands SET finished_at = now() - interval '3 days' WHERE id = %s", old)
    run(
        database,
        "INSERT INTO workers (name, host, pid, threads, agents, seen_at) "
        "VALUES ('ancient', '', 1, 1, '{}', now() - interval '9 days')",
    )
    hire({}, keep_days=2, lease_s=0.4)
    until(lambda: happened(database, lost)[-1] == "lost", "even one that has no agents")
    until(lambda: store.count(database, CommandFilter(ids=(old,))) == 0)
    until(lambda: "ancient" not in [worker.name for worker in statistics.workers(database)])


# Workspaces


def test_it_works_for_every_workspace_and_finds_new_ones(database: Database, hire: Employer) -> None:
    hire({"clerk": echo})
    here = enqueue(database)
    until(lambda: status(database, here) == "completed")
    demo = workspaces.create(database, "demo")
    there = enqueue(demo)
    until(lambda: status(demo, there) == "completed")
    until(lambda: len(statistics.workers(demo)) == 1)


def test_it_works_only_for_the_workspaces_it_was_given(database: Database, hire: Employer) -> None:
    demo = workspaces.create(database, "demo")
    here, there = enqueue(database), enqueue(demo)
    hire({"clerk": echo}, workspaces=["demo"])
    until(lambda: status(demo, there) == "completed")
    assert status(database, here) == "pending"


def test_a_workspace_may_be_dropped_under_it(database: Database, hire: Employer) -> None:
    """In the middle of commands: one that ends, one that fails, one that asks; and the workspace comes back."""
    gate = threading.Event()

    def held(work: CommandContext) -> dict[str, Any]:
        gate.wait(60)
        if work.command.action == "fail":
            raise RuntimeError("no")
        if work.command.action == "ask":
            work.step("late", lambda: 1)
        return {}

    demo = workspaces.create(database, "demo")
    for action in ("end", "fail", "ask"):
        enqueue(demo, action=action)
    worker = hire({"clerk": held}, threads=3, lease_s=0.8)
    until(lambda: worker.snapshot().busy == 3)
    workspaces.drop(database, "demo")
    gate.set()
    until(lambda: worker.snapshot().busy == 0)
    assert (worker.snapshot().lost, worker.snapshot().failed) == (3, 0)
    again = workspaces.create(database, "demo")
    here, there = enqueue(database), enqueue(again)
    until(lambda: status(database, here) == "completed" and status(again, there) == "completed")


# Faults


def test_a_lost_database_is_found_again(database: Database, hire: Employer, server: EmbeddedPostgres) -> None:
    """Every connection is cut and none comes through, with a command in hand."""
    gate = threading.Event()

    def held(work: CommandContext) -> dict[str, Any]:
        if work.command.action == "hold":
            gate.wait(60)
            work.step("noted", lambda: 1)
        return {}

    command_id = enqueue(database, action="hold")
    worker = hire({"clerk": held}, threads=2, lease_s=30.0)
    until(lambda: status(database, command_id) == "running")
    name = database.url.rsplit("/", 1)[-1].split("?")[0]
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        until(lambda: worker.snapshot().error != "")
        gate.set()
        time.sleep(1.0)
        assert worker.snapshot().busy == 1
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
    until(lambda: status(database, command_id) == "completed")
    assert command(database, command_id).attempt == 1
    after = enqueue(database)
    until(lambda: status(database, after) == "completed")
    until(lambda: worker.snapshot().error == "")
