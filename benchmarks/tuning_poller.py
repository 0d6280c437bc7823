"""What looks after fine-tuning jobs, with 1,000 of them open: a round of polls against a bare SKIP LOCKED loop that
writes the same row, the share of a core it takes at its usual pace, and what it takes when no job is open."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql
from sqlalchemy import insert

from benchmarks.measuring import OURS, in_turns, show
from benchmarks.setting import Setting
from core.datasets import recipes, snapshots, splits
from core.db import Database, workspaces
from core.db.tables import examples, tuning_jobs
from core.examples.filters import Filter
from core.settings import Settings
from core.tuning import facts
from core.tuning.engine import Engine, Poller, Schedule
from core.tuning.providers.protocol import Capabilities, JobStatus, MetricPoint, ProviderId

_JOBS = 1_000
_WATCHED_S = 30.0
_SCHEMA = "bench_tuning"
_BATCH = 16


class Answers:
    """A provider that answers at once, so that what is measured is ours: each poll is a step further."""

    id: ProviderId = "openai"
    capabilities = Capabilities(
        trains=True,
        methods=("sft",),
        finds="exact",
        cancels=True,
        stops_and_resumes=False,
        retries_free=False,
        costs_money=True,
        hosting_costs=False,
    )

    def __init__(self, poll_again_s: float | None, *, values: bool = False) -> None:
        self._poll_again_s, self._values = poll_again_s, values
        self.polls = 0

    def __call__(self, _provider: ProviderId) -> Any:
        return self

    def poll(self, job: Any) -> JobStatus:
        self.polls += 1
        points: Sequence[MetricPoint] = [MetricPoint("loss", self.polls, 1.0)] if self._values else []
        return JobStatus("running", "running", done_steps=self.polls, points=points, poll_again_s=self._poll_again_s)


@dataclass
class Bench:
    """A workspace with jobs, and a settings object whose folder they use."""

    db: Database
    settings: Settings

    def due(self) -> None:
        """All jobs are due now, and nobody's."""
        self._run("UPDATE fine_tuning_jobs SET poll_at = now(), owner = NULL, token = NULL, lease_until = NULL")

    def spread(self) -> None:
        """All jobs are due within the next minute, as they are after a while."""
        self._run("UPDATE fine_tuning_jobs SET poll_at = now() + random() * interval '60 s'")

    def close_all(self) -> None:
        self._run("UPDATE fine_tuning_jobs SET state = 'succeeded', owner = NULL, token = NULL, lease_until = NULL")

    def _run(self, statement: str) -> None:
        with self.db.begin() as connection:
            connection.exec_driver_sql(statement)

    def one_round(self, provider: Answers) -> None:
        """Poll every job once, in one thread."""
        engine = Engine(self.db, settings=self.settings, providers=provider, schedule=Schedule())
        while holds := engine.claim(_BATCH, leads=True, slow=True):
            for hold in holds:
                engine.work(hold)

    def bare_round(self, connection: psycopg.Connection[Any]) -> None:
        """The least there is to do: find a job that is due, lock it, write its row, commit."""
        found = True
        while found:
            with connection.transaction():
                row = connection.execute(
                    "SELECT id FROM fine_tuning_jobs WHERE state = 'running' AND poll_at <= now()"
                    " ORDER BY poll_at LIMIT 1 FOR UPDATE SKIP LOCKED"
                ).fetchone()
                found = row is not None
                if row is not None:
                    connection.execute(
                        "UPDATE fine_tuning_jobs SET done_steps = done_steps + 1, provider_status = 'running',"
                        " poll_at = now() + interval '1 hour' WHERE id = %s",
                        row,
                    )


def run(setting: Setting) -> None:
    """Print the three figures."""
    bench = _made(setting.company, setting.home)
    with psycopg.connect(bench.db.url, autocommit=True) as connection:
        connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(_SCHEMA)))
        seconds = in_turns(
            {
                OURS: lambda: bench.one_round(Answers(3_600.0)),
                f"{OURS}, with a value of a series each": lambda: bench.one_round(Answers(3_600.0, values=True)),
                "bare SKIP LOCKED loop": lambda: bench.bare_round(connection),
            },
            rounds=5,
            between=bench.due,
        )
        show(f"a round of polls over {_JOBS:,} open jobs, one thread", seconds, rows=_JOBS)
        bench.spread()
        _watch(bench, connection, f"{_JOBS:,} open jobs at the usual pace", Answers(None))
        bench.close_all()
        _watch(bench, connection, "no open job", Answers(None))
    workspaces.drop(setting.company, _SCHEMA)


def _watch(bench: Bench, connection: psycopg.Connection[Any], title: str, provider: Answers) -> None:
    """The app's own poller, for a while: CPU of this process and of the server's, transactions, polls."""
    poller = Poller(bench.db, workspaces=[_SCHEMA], settings=bench.settings, providers=provider)
    poller.start()
    time.sleep(2.0)
    polls, transactions, ours, server = provider.polls, _transactions(connection), _own_cpu(), _server_cpu(connection)
    time.sleep(_WATCHED_S)
    ours, server = _own_cpu() - ours, _server_cpu(connection) - server
    transactions, polls = _transactions(connection) - transactions, provider.polls - polls
    poller.stop()
    print(
        f"\n{title}, for {_WATCHED_S:.0f} s\n"
        f"  {100 * ours / _WATCHED_S:.2f} % of a core here, {100 * server / _WATCHED_S:.2f} % in PostgreSQL; "
        f"{transactions / _WATCHED_S:.1f} transactions and {polls / _WATCHED_S:.1f} polls a second",
        flush=True,
    )


def _own_cpu() -> float:
    times = psutil.Process().cpu_times()
    return times.user + times.system


def _server_cpu(connection: psycopg.Connection[Any]) -> float:
    """Of the server's processes that are connected to this database, but for the one that watches."""
    rows = connection.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ).fetchall()
    total = 0.0
    for (pid,) in rows:
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def _transactions(connection: psycopg.Connection[Any]) -> int:
    connection.execute("SELECT pg_stat_force_next_flush()")
    row = connection.execute(
        "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
    ).fetchone()
    assert row
    return row[0]


def _made(company: Database, home: Path) -> Bench:
    """Jobs that run, of a version of ten records."""
    if workspaces.exists(company, _SCHEMA):
        workspaces.drop(company, _SCHEMA)
    db = workspaces.create(company, _SCHEMA)
    with db.begin() as connection:
        connection.execute(insert(examples), [_example(number) for number in range(10)])
    version = snapshots.create(
        db, "bench", filter=Filter(), recipe=recipes.parse({}), split=splits.parse("80/10/10"), actor="benchmark"
    )
    settings = Settings(WHETSTONE_HOME=home)  # pyright: ignore[reportCallIssue]
    facts.of(db, version, home=settings.home)
    with db.begin() as connection:
        connection.execute(insert(tuning_jobs), [_job(number, version.id, version.label) for number in range(_JOBS)])
    return Bench(db, settings)


def _example(number: int) -> Mapping[str, Any]:
    return {
        "execution_id": f"bench-{number}",
        "user_request": f"Plan number {number}",
        "intent": "plan",
        "tags": [],
        "business_state": {},
        "execution_plan": f'{{"steps": [{number}]}}',
        "created_at": datetime.now(UTC),
    }


def _job(number: int, dataset_id: int, label: str) -> Mapping[str, Any]:
    return {
        "job_id": f"bench-{number}",
        "state": "running",
        "status": "running",
        "provider": "openai",
        "target_model": "tiny",
        "spec": {"method": "sft", "settings": {"epochs": 3}, "name": ""},
        "dataset_id": dataset_id,
        "dataset_version": label,
        "remote": {"file": f"file-{number}"},
        "remote_id": f"job-{number}",
        "created_by": "benchmark",
        "started_at": datetime.now(UTC),
        "submitted_at": datetime.now(UTC),
    }
