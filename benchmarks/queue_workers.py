"""A worker process of the queue's benchmark: `python -m benchmarks.queue_workers KIND URL [SCHEMA]`.

It says `ready`, waits for a line, then works on commands that do nothing until it is killed. A command that is to tell
when it started has its worker print the time.
"""

import sys
import time
from typing import Any

import psycopg
import structlog

from core.commands.handlers import CommandContext
from core.commands.worker import Worker
from core.db import Database

CLAIM = (
    "UPDATE bare_queue SET status = 'running' WHERE id = (SELECT id FROM bare_queue WHERE status = 'pending'"
    " ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id"
)
FINISH = "UPDATE bare_queue SET status = 'completed' WHERE id = %s"


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def _wait_for_start() -> None:
    _say("ready")
    sys.stdin.readline()


def whetstone(url: str, schema: str) -> None:
    def nothing(work: CommandContext) -> dict[str, Any]:
        if work.command.payload.get("tells"):
            _say(repr(time.time()))
        return {}

    worker = Worker(Database(url), {"bench": nothing}, threads=1, workspaces=[schema])
    _wait_for_start()
    worker.run()


def bare(url: str, _schema: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        _wait_for_start()
        while True:
            row = connection.execute(CLAIM).fetchone()
            if row is None:
                time.sleep(0.01)
            else:
                connection.execute(FINISH, row)


def procrastinate(url: str, _schema: str) -> None:
    from benchmarks.queue import procrastinate_app

    app, _task = procrastinate_app(url, tell=lambda: _say(repr(time.time())), asynchronous=True)
    _wait_for_start()
    app.run_worker(concurrency=1, fetch_job_polling_interval=1.0)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    kind, url, *schema = sys.argv[1:]
    {"whetstone": whetstone, "bare": bare, "procrastinate": procrastinate}[kind](url, "".join(schema))
