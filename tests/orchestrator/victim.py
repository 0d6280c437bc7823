"""A worker that never ends the step `outline`: its text is made and noted, and then it hangs. For test_crash.py."""

import os
import sys
import time

from core.commands.handlers import CommandContext, Outcome
from core.commands.worker import Worker
from core.db import Database
from core.runtime.agents import registry


def main() -> None:
    ours = registry()

    def hanging(work: CommandContext) -> Outcome:
        if work.command.step != "outline":
            return ours["content"](work)  # type: ignore[return-value]
        work.step("outline", lambda: {"text": "Made by the victim, about returning customers.", "missing": []})
        time.sleep(3600)
        raise AssertionError("killed before")

    database = Database(os.environ["VICTIM_DATABASE"])
    Worker(database, {**ours, "content": hanging}, name="victim", lease_s=float(sys.argv[1]), poll_s=0.2).run()


if __name__ == "__main__":
    main()
