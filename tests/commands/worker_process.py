"""A worker in a process of its own, for tests that kill it: `python -m tests.commands.worker_process URL NAME …`.

Its agents write a line to the file `payload["log"]` for each thing that the outside world would see, and stay where
the payload says until a file appears, so that a test can kill the process at that very point.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

from core import logs
from core.commands.handlers import CommandContext, Outcome
from core.commands.models import NewCommand
from core.commands.worker import Worker
from core.db import Database


def _write(work: CommandContext, line: str) -> None:
    """One write with O_APPEND: lines of several processes do not mix."""
    file = os.open(work.command.payload["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(file, f"{work.command.attempt} {line}\n".encode())
    os.close(file)


def _stay(work: CommandContext) -> None:
    """Only the first attempt stays, and only where a test holds it: until the file is there."""
    gate = work.command.payload.get("gate")
    while gate and work.command.attempt == 1 and not Path(gate).exists():
        time.sleep(0.02)


def steps(work: CommandContext) -> dict[str, Any]:
    """Four steps; it stays inside the second one."""

    def step(name: str) -> str:
        _write(work, name)
        if name == "two":
            _stay(work)
        return name

    return {"done": [work.step(name, lambda name=name: step(name)) for name in ("one", "two", "three", "four")]}


def finish(work: CommandContext) -> Outcome:
    """One step, and what follows; it stays in the transaction of the finish, before the commit."""
    work.step("one", lambda: _write(work, "one"))

    def within(_connection: Any) -> None:
        _write(work, "within")
        _stay(work)

    return Outcome({"by": work.command.attempt}, then=[NewCommand("outside", "next")], within=within)


def deaf(work: CommandContext) -> dict[str, Any]:
    """Asks nothing until it is done."""
    _write(work, "begin")
    _stay(work)
    return {"by": work.command.attempt}


def quick(work: CommandContext) -> dict[str, Any]:
    _write(work, str(work.command.id))
    return {}


def patient(work: CommandContext) -> dict[str, Any]:
    """Asks all the time, until the file is there."""
    _write(work, "begin")
    while not Path(work.command.payload["gate"]).exists():
        work.check()
        time.sleep(0.02)
    return {}


REGISTRY = {"steps": steps, "finish": finish, "deaf": deaf, "quick": quick, "patient": patient}


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    logs.configure()
    url, name, threads, lease_s = sys.argv[1:5]
    worker = Worker(
        Database(url), REGISTRY, name=name, threads=int(threads), lease_s=float(lease_s), backoff_s=0.1, poll_s=0.2
    )
    _say("here")
    state = worker.run()
    _say(f"completed {state.completed}, handed back {state.handed_back}")


if __name__ == "__main__":
    main()
