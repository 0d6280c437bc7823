"""`python -m core worker` as a program."""

import json
import os
import signal
import subprocess
import sys

import pytest

from core import similarity
from core.commands import statistics
from core.db import Database
from tests.cli.test_commands import PROJECT, core
from tests.commands.conftest import until
from tests.similarity.planting import plant, task
from tests.similarity.test_bert import TINY


@pytest.mark.skipif(sys.platform == "win32", reason="needs the signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_works_until_it_is_told(database: Database, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "core", "worker", "--threads", "3", "--workspace", "public", "--json"]
    environment = {**os.environ, "DATABASE_URL": database.url}
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE) as process:
        until(lambda: bool(statistics.workers(database)), "it says that it lives")
        (state,) = statistics.workers(database)
        assert (state.pid, state.threads, state.is_alive) == (process.pid, 3, True)
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    said = json.loads(out)
    assert (said["name"], said["running"], said["completed"], said["busy"]) == (state.name, False, 0, 0)
    assert statistics.workers(database)[0].stopped_at is not None


@pytest.mark.parametrize(("agents", "encoded"), [((), 1), (("--agents", "financial"), 0)])
def test_a_worker_makes_vectors_of_what_comes_in(database: Database, agents: tuple[str, ...], encoded: int) -> None:
    command = [sys.executable, "-m", "core", "worker", "--workspace", "public", "--json", *agents]
    environment = {**os.environ, "DATABASE_URL": database.url, "WHETSTONE_SIMILARITY_MODEL": str(TINY)}
    plant(database, "task", [task(1, "Oil the workbench")])
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE) as process:
        until(lambda: bool(statistics.workers(database)), "it says that it lives")
        if encoded:
            until(lambda: similarity.status(database).encoded == encoded, "the task has a vector")
        process.terminate()
        process.communicate(timeout=60)
    # Who works for some agents only was started for them.
    assert similarity.status(database).encoded == encoded


def test_an_agent_that_is_not_there_is_an_error(database: Database) -> None:
    done = core(database, "worker", "--agents", "nobody,else", "--json")
    assert (done.returncode, json.loads(done.stdout)["kind"]) == (1, "ConfigurationError")
    assert "no agent 'else' here" in done.stderr
    assert len(done.stderr.splitlines()) == 1
