"""Several who act at once: every act is done once or refused, and no two wait for each other for ever."""

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from core.commands import statistics
from core.commands.handlers import CommandContext, Outcome
from core.commands.worker import Worker
from core.db import Database
from core.deployments.preferences import set_approval
from core.errors import Conflict
from core.orchestrator import executions, queries
from core.runtime.agents import registry
from tests.orchestrator.driving import at_once, drive, example_of, statuses, submitted
from tests.orchestrator.test_executions import ASK
from tests.orchestrator.test_whole_day import at_work, wait_for

FINAL = {"completed", "failed", "rejected", "cancelled"}


@pytest.mark.parametrize("round_", range(5))
def test_approve_reject_and_cancel_at_once_end_in_one_of_them(database: Database, round_: int) -> None:
    planned = submitted(database)
    outcomes: list[str] = []

    def attempt(act: Callable[[], object], name: str) -> Callable[[], None]:
        def run() -> None:
            try:
                act()
                outcomes.append(name)
            except Conflict:
                outcomes.append("conflict")

        return run

    id_ = planned.execution_id
    acts = [
        attempt(lambda: executions.approve(database, id_, actor="ada"), "approved"),
        attempt(lambda: executions.reject(database, id_, actor="bob", reason="no"), "rejected"),
        attempt(lambda: executions.cancel(database, id_, actor="cay"), "cancelled"),
    ]
    at_once(acts[round_ % 3 :] + acts[: round_ % 3])
    drive(database)
    ended = queries.get(database, id_)
    seen = statuses(database, id_)
    assert ended.status in FINAL
    assert len({"rejected", "cancelled"} & set(seen)) + ("completed" in seen) == 1
    if "approved" in outcomes:
        assert ended.status in ("completed", "cancelled")
    else:
        assert outcomes.count("conflict") == 2


def test_steps_that_need_nothing_of_each_other_run_side_by_side(database: Database) -> None:
    """Each of the two waits until it sees the other running; one after the other they would wait in vain."""
    planned = submitted(database, "Write a blog post about returning customers")
    both = threading.Barrier(2, timeout=20)
    ours = registry()

    def meeting(agent: str) -> Callable[[CommandContext], Outcome]:
        def handle(work: CommandContext) -> Outcome:
            if work.command.step in ("performed", "outline"):
                both.wait()
            return ours[agent](work)  # type: ignore[return-value]

        return handle

    agents = {**ours, "content": meeting("content"), "market_insight": meeting("market_insight")}
    worker = Worker(database, agents, threads=2, poll_s=0.2)
    worker.start()
    executions.approve(database, planned.execution_id, actor="bob")
    wait_for(lambda: queries.get(database, planned.execution_id).status in FINAL)
    worker.stop()
    done = queries.get(database, planned.execution_id)
    assert (done.status, both.broken) == ("completed", False)
    began = {step.step: step for step in queries.progress(database, planned.execution_id)}
    assert began["draft"].attempt == 1


def test_executions_cancelled_at_any_moment_of_their_work_all_come_to_an_end(database: Database) -> None:
    set_approval(database, False, actor="ada", reason="test")
    chance = random.Random(3)
    with at_work(database):
        ids = [executions.submit(database, ASK, actor="ada", again=True).execution_id for _ in range(16)]
        threads = [threading.Thread(target=_cancel_after, args=(database, id_, chance.uniform(0, 4))) for id_ in ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_for(lambda: all(queries.get(database, id_).status in FINAL for id_ in ids))
        wait_for(lambda: _all_is_quiet(database))
    ended = [queries.get(database, id_) for id_ in ids]
    assert {execution.status for execution in ended} <= {"completed", "cancelled"}
    for execution in ended:
        if execution.status == "completed":
            assert example_of(database, execution.execution_id).tags == []
        elif execution.plan is not None:
            example = example_of(database, execution.execution_id)
            assert (example.tags, example.success) == (["CANCELLED"], None)


def _cancel_after(db: Database, execution_id: str, seconds: float) -> None:
    time.sleep(seconds)
    with suppress(Conflict):  # it was done before
        executions.cancel(db, execution_id, actor="bob")


def _all_is_quiet(db: Database) -> bool:
    found = statistics.counts(db)
    return not found.by_status.get("running") and not found.by_status.get("pending")
