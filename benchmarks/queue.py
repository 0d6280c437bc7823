"""The command queue against a bare SKIP LOCKED loop and procrastinate: enqueue, complete, start, and idle."""

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks.measuring import OURS, Seconds, show
from benchmarks.setting import Setting
from core.commands import store
from core.commands.models import NewCommand
from core.db import Database, workspaces

_COMMANDS = 1_000
_ROUNDS = 3
_STARTS = 100
_IDLE_S = 10.0
_ROOT = Path(__file__).parent.parent
_SCHEMA = "bench_queue"


def procrastinate_app(url: str, *, tell: Callable[[], None], asynchronous: bool) -> tuple[Any, Any]:
    """procrastinate and its task; the worker wants the asynchronous connector, deferring the other one."""
    import procrastinate  # only this benchmark needs it

    connector = procrastinate.PsycopgConnector if asynchronous else procrastinate.SyncPsycopgConnector
    app = procrastinate.App(connector=connector(conninfo=url))

    @app.task(name="bench")
    def bench(tells: bool = False) -> None:
        if tells:
            tell()

    return app, bench


class Queue(Protocol):
    """One contestant. `url` and `schema` are for its workers."""

    kind: str
    url: str
    schema: str

    def clear(self) -> None: ...
    def enqueue(self, *, tells: bool = False) -> None: ...
    def left(self) -> int: ...


class Whetstone:
    kind, schema = "whetstone", _SCHEMA

    def __init__(self, company: Database) -> None:
        self.url = company.url
        self._db = workspaces.create(company, _SCHEMA)

    def clear(self) -> None:
        with self._db.begin() as connection:
            connection.exec_driver_sql("TRUNCATE commands, workers CASCADE")

    def enqueue(self, *, tells: bool = False) -> None:
        store.enqueue(self._db, NewCommand("bench", "nothing", {"tells": tells}), actor="benchmark")

    def left(self) -> int:
        with self._db.connect() as connection:
            return connection.exec_driver_sql("SELECT count(*) FROM commands WHERE status <> 'completed'").scalar_one()


class Bare:
    """What any queue in PostgreSQL has to do at least: claim, commit, finish, commit."""

    kind, schema = "bare", ""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS bare_queue (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
            " payload jsonb NOT NULL, status text NOT NULL DEFAULT 'pending')"
        )
        self._connection.execute("CREATE INDEX IF NOT EXISTS bare_pending ON bare_queue (id) WHERE status = 'pending'")

    def clear(self) -> None:
        self._connection.execute("TRUNCATE bare_queue")

    def enqueue(self, *, tells: bool = False) -> None:
        self._connection.execute("INSERT INTO bare_queue (payload) VALUES ('{}')")

    def left(self) -> int:
        row = self._connection.execute("SELECT count(*) FROM bare_queue WHERE status <> 'completed'").fetchone()
        assert row
        return row[0]


class Procrastinate:
    kind, schema = "procrastinate", ""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = psycopg.connect(url, autocommit=True)
        self._app, self._task = procrastinate_app(url, tell=lambda: None, asynchronous=False)
        self._app.open()
        if not self._app.check_connection():
            self._app.schema_manager.apply_schema()

    def clear(self) -> None:
        self._connection.execute("TRUNCATE procrastinate_jobs CASCADE")

    def enqueue(self, *, tells: bool = False) -> None:
        self._task.defer(tells=tells)

    def left(self) -> int:
        row = self._connection.execute("SELECT count(*) FROM procrastinate_jobs WHERE status <> 'succeeded'").fetchone()
        assert row
        return row[0]


def run(setting: Setting) -> None:
    other = _database(setting.company, "bench_queue")
    queues: dict[str, Queue] = {
        OURS: Whetstone(setting.company),
        "bare SKIP LOCKED loop": Bare(other),
        "procrastinate": Procrastinate(other),
    }
    _measure_enqueue(queues)
    for workers in (1, 2, 4):
        _measure_complete(queues, workers)
    listening = {name: queue for name, queue in queues.items() if queue.kind != "bare"}
    _measure_start(listening)
    _measure_idle(listening)


def _database(company: Database, name: str) -> str:
    """A database beside the company's, for the others' tables."""
    with company.dedicated() as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(f"CREATE DATABASE {name}".encode())
    return make_conninfo(company.url, dbname=name)


@contextmanager
def _processes(queue: Queue, number: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Workers that are ready and wait for a line."""
    command = [sys.executable, "-m", "benchmarks.queue_workers", queue.kind, queue.url, queue.schema]
    processes = [
        subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for _ in range(number)
    ]
    try:
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _go(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()


def _measure_enqueue(queues: dict[str, Queue]) -> None:
    seconds: Seconds = {name: [] for name in queues}
    for _ in range(_ROUNDS):
        for name, queue in queues.items():
            queue.clear()
            start = time.perf_counter()
            for _ in range(_COMMANDS):
                queue.enqueue()
            seconds[name].append(time.perf_counter() - start)
    show(f"queue: enqueue {_COMMANDS:,} commands, one by one", seconds, rows=_COMMANDS)


def _measure_complete(queues: dict[str, Queue], workers: int) -> None:
    seconds: Seconds = {name: [] for name in queues}
    for _ in range(_ROUNDS):
        for name, queue in queues.items():
            queue.clear()
            for _ in range(_COMMANDS):
                queue.enqueue()
            with _processes(queue, workers) as processes:
                start = time.perf_counter()
                _go(processes)
                while queue.left():
                    time.sleep(0.02)
                seconds[name].append(time.perf_counter() - start)
    each = "1 worker process" if workers == 1 else f"{workers} worker processes"
    show(f"queue: complete {_COMMANDS:,} commands, {each} of one thread", seconds, rows=_COMMANDS)


def _measure_start(queues: dict[str, Queue]) -> None:
    """From before the enqueue to the first line of the handler, one worker with nothing else to do."""
    print(f"\nqueue: from enqueue to start, {_STARTS} commands at odd times")
    pause = random.Random(7)
    medians: dict[str, float] = {}
    for name, queue in queues.items():
        queue.clear()
        waits = []
        with _processes(queue, 1) as processes:
            _go(processes)
            time.sleep(2)
            lines = processes[0].stdout
            assert lines
            for _ in range(_STARTS):
                time.sleep(pause.uniform(0.02, 0.2))
                asked = time.time()
                queue.enqueue(tells=True)
                waits.append((float(lines.readline()) - asked) * 1_000)
        quantiles = statistics.quantiles(waits, n=20)
        medians[name] = quantiles[9]
        ratio = "" if name == OURS else f"   {OURS} takes {medians[OURS] / quantiles[9]:.2f} times as long"
        print(f"  {name:<42}p50 {quantiles[9]:>7.1f} ms   p95 {quantiles[18]:>7.1f} ms{ratio}", flush=True)


def _measure_idle(queues: dict[str, Queue]) -> None:
    print(f"\nqueue: one idle worker, {_IDLE_S:g} s")
    for name, queue in queues.items():
        queue.clear()
        with _processes(queue, 1) as processes, psycopg.connect(queue.url, autocommit=True) as watch:
            _go(processes)
            time.sleep(3)
            process = psutil.Process(processes[0].pid)
            before, commits = process.cpu_times(), _commits(watch)
            time.sleep(_IDLE_S)
            after = process.cpu_times()
            share = (after.user + after.system - before.user - before.system) / _IDLE_S
            memory = process.memory_info().rss / 1024**2
            rate = (_commits(watch) - commits) / _IDLE_S
        print(f"  {name:<42}CPU {share:>6.2%}   {rate:>5.1f} transactions/s   {memory:>5.0f} MB", flush=True)


def _commits(watch: psycopg.Connection[Any]) -> int:
    """Of the whole database; what a session did is counted up to a second late, which evens out."""
    time.sleep(1.1)
    row = watch.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()").fetchone()
    assert row
    return row[0]
