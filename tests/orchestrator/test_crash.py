"""A worker is killed in the middle of an execution; another finishes it, and nothing is done twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from core.commands import store as commands
from core.commands.worker import Worker
from core.db import Database
from core.orchestrator import executions, queries
from core.runtime.agents import registry
from tests.orchestrator.driving import statuses, submitted
from tests.orchestrator.test_whole_day import wait_for

LEASE_S = 1.5


@pytest.fixture
def victim(database: Database, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own, which stops for ever inside the step `outline`, after its text is made."""
    log = (tmp_path / "victim.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.orchestrator.victim", str(LEASE_S)],
        env={**os.environ, "VICTIM_DATABASE": database.url},
        stdout=log,
        stderr=log,
    )
    yield process
    process.kill()
    process.wait()
    log.close()


def test_another_worker_finishes_what_a_killed_one_began(database: Database, victim: subprocess.Popen[bytes]) -> None:
    planned = submitted(database, "Write a blog post about returning customers")
    executions.approve(database, planned.execution_id, actor="bob")

    def is_inside() -> bool:
        assert victim.poll() is None
        by_step = {state.step: state.status for state in queries.progress(database, planned.execution_id)}
        return by_step["outline"] == "running" and _kept(database) and by_step["performed"] == "completed"

    wait_for(is_inside)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait(10) == -signal.SIGKILL

    rescuer = Worker(database, registry(), name="rescuer", lease_s=LEASE_S, poll_s=0.2, backoff_s=0.1)
    rescuer.start()
    wait_for(lambda: queries.get(database, planned.execution_id).status == "completed")
    time.sleep(0.3)
    rescuer.stop()

    by_step = {command.step: command for command in commands.by_run(database, planned.execution_id) if command.step}
    assert by_step["performed"].worker == "victim"
    assert (by_step["outline"].worker, by_step["outline"].attempt) == ("rescuer", 2)
    # What the killed worker had made of the step was kept, and was not made again.
    assert (by_step["outline"].result or {})["text"].startswith("Made by the victim")
    assert all(command.attempt == 1 for step, command in by_step.items() if step != "outline")
    with database.connect() as connection:
        examples = connection.execute(
            text("SELECT count(*), count(execution_result) FROM orchestrator_training_data WHERE execution_id = :id"),
            {"id": planned.execution_id},
        ).one()
        twice = connection.execute(
            text("SELECT run, step, agent, action FROM commands GROUP BY 1, 2, 3, 4 HAVING count(*) > 1")
        ).all()
    assert tuple(examples) == (1, 1)
    assert twice == []
    assert statuses(database, planned.execution_id) == [
        "planning",
        "pending_approval",
        "approved",
        "executing",
        "completed",
    ]


def _kept(db: Database) -> bool:
    """Whether the text of the outline is noted as a finished step of its command."""
    with db.connect() as connection:
        return bool(connection.execute(text("SELECT count(*) FROM command_steps WHERE step = 'outline'")).scalar())
